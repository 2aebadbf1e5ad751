#include "inject/complete.h"

#include <algorithm>

#include "inject/field_kind.h"
#include "inject/made_fields.h"
#include "libmail/address.h"
#include "libmail/address_text.h"
#include "libmail/fold.h"

namespace porpoise::inject {
namespace {

using mail::FieldName;
using mail::FieldView;

bool looks_like_a_list(std::string_view argument) {
  return argument.find_first_of("<>,\"()") != std::string_view::npos;
}

// Too long for SMTP, whatever stands in it.
bool has_long_line(std::string_view text) {
  while (text.size() > mail::kLongestLine) {
    const std::size_t lf = text.find('\n');
    if (lf > mail::kLongestLine) return true;
    text.remove_prefix(lf + 1);
  }
  return false;
}

// Not for a header, wherever they stand (RFC 5322 section 2.2). No address holds them, but names
// and comments may.
constexpr std::string_view kOddOctets("\r\0", 2);

bool has_odd_octet(std::string_view text) {
  return text.find_first_of(kOddOctets) != std::string_view::npos;
}

std::string without_odd_octets(std::string text) {
  std::ranges::replace_if(text, [](char c) { return c == '\r' || c == '\0'; }, ' ');
  return text;
}

class Completion {
 public:
  Completion(const mail::Header& header, const Job& job, const Settings& settings)
      : header_(header), job_(job), settings_(settings), own_(header), maker_(settings) {}

  Outcome<Completed> run() {
    look();
    if (Outcome<> done = take_arguments(); !done) return failed(done);
    if (Outcome<> done = take_sender(); !done) return failed(done);
    for (std::size_t i = 0; i < header_.size(); ++i) {
      if (dropped_[i]) continue;
      if (Outcome<> done = take_field(i); !done) return failed(done);
      if (Outcome<> done = check_limits(); !done) return failed(done);
    }
    if (out_.envelope.recipients.empty() && !job_.nobody_is_fine) return nobody();
    if (!sender_known_) out_.envelope.sender = maker_.sender();
    out_.envelope.parameters = job_.parameters;
    out_.header = maker_.fields(own_, several_, addressees_) + fields_;
    return std::move(out_);
  }

 private:
  // A short text can ask for much: each "a," becomes an address with a host.
  Outcome<> check_limits() const {
    if (out_.envelope.recipients.size() > kMostRecipients) {
      return refuse(Cause::data, "more than {} recipients", kMostRecipients);
    }
    if (fields_.size() > kLongestCompleted) {
      return refuse(Cause::data, "the completed header is longer than {} octets",
                    kLongestCompleted);
    }
    return {};
  }

  // ---- before anything is taken: what is there, and what counts as not there

  void look() {
    dropped_.resize(header_.size());
    for (std::size_t i = 0; i < header_.size(); ++i) {
      const FieldView field = header_.field(i);
      dropped_[i] = is_dropped(field, own_.counts(i));
      if (own_.counts(i) && !dropped_[i]) own_.note(field.known);
    }
  }

  bool is_dropped(const FieldView& field, bool own) const {
    switch (field.known) {
      case FieldName::from:
        if (settings_.letters.delete_from && own) return true;
        [[fallthrough]];
      case FieldName::sender:
      case FieldName::resent_from:
      case FieldName::resent_sender:
        return own && names_nobody(field.body);
      case FieldName::message_id:
        return settings_.letters.delete_message_id && own;
      default:
        return false;
    }
  }

  bool header_counts() const {
    switch (job_.recipients) {
      case Recipients::arguments:
        return false;
      case Recipients::header:
      case Recipients::both:
        return true;
      case Recipients::arguments_or_header:
        return job_.arguments.empty();
    }
    return true;
  }

  Outcome<Completed> nobody() const {
    if (!header_counts()) return refuse(Cause::usage, "no recipients: none were named");
    return refuse(Cause::usage, "no recipients: the message names none in {}",
                  own_.resent() ? "Resent-To, Resent-Cc or Resent-Bcc" : "To, Cc or Bcc");
  }

  void add_recipient(const mail::Mailbox& mailbox) {
    out_.envelope.recipients.push_back({envelope_address(mailbox), job_.recipient_parameters});
  }

  // ---- the command line

  Outcome<> take_arguments() {
    if (job_.recipients == Recipients::header) return {};
    for (const std::string& argument : job_.arguments) {
      const bool list = job_.arguments_are_lists && looks_like_a_list(argument);
      Outcome<> done = list ? take_list(argument) : take_argument(argument);
      if (!done) return done;
    }
    return {};
  }

  Outcome<> take_argument(const std::string& argument) {
    if (argument.empty()) return refuse(Cause::data, "a recipient argument is empty");
    Outcome<mail::Mailbox> mailbox = from_words("recipient", argument);
    if (!mailbox) return failed(mailbox);
    add_recipient(*mailbox);
    return {};
  }

  Outcome<> take_list(const std::string& argument) {
    auto list = mail::parse_addresses(argument);
    if (!list) {
      return refuse(Cause::data, "recipient \"{}\": octet {}: {}", argument, list.error().at + 1,
                    list.error().text);
    }
    const std::size_t before = out_.envelope.recipients.size();
    bool null = false;
    for (mail::Mailbox& mailbox : list->mailboxes) {
      null = null || mailbox.null;
      qualify(mailbox, settings_.hosts);
      add_recipient(mailbox);
    }
    if (null || out_.envelope.recipients.size() == before) {
      return refuse(Cause::data, "recipient \"{}\" names nobody", argument);
    }
    return {};
  }

  // An address in envelope form, completed.
  Outcome<mail::Mailbox> from_words(std::string_view what, const std::string& words) const {
    mail::Mailbox mailbox = mail::from_envelope(words);
    if (mailbox.domain.ends_with('.')) mailbox.domain.pop_back();
    if (mailbox.local.find_first_of("\r\n") != std::string::npos) {
      return refuse(Cause::data, "{} \"{}\": a line end inside an address", what, words);
    }
    qualify(mailbox, settings_.hosts);
    const std::string_view fault = mail::domain_fault(mailbox.domain);
    if (!fault.empty()) {
      return refuse(Cause::data, "{} \"{}\": \"{}\" is no host name: {}", what, words,
                    mailbox.domain, fault);
    }
    return mailbox;
  }

  Outcome<> take_sender() {
    if (!job_.sender) return {};
    sender_known_ = true;
    if (job_.sender->empty()) return {};
    Outcome<mail::Mailbox> mailbox = from_words("sender", *job_.sender);
    if (!mailbox) return failed(mailbox);
    out_.envelope.sender = envelope_address(*mailbox);
    return {};
  }

  // ---- fields as written

  Outcome<> take_field(std::size_t index) {
    const FieldView field = header_.field(index);
    const bool own = own_.counts(index);
    switch (treatment_of(field.known)) {
      case Treatment::deleted:
        return {};
      case Treatment::return_path:
        return take_return_path(field);
      case Treatment::untouched:
        fields_ += field.text;
        return {};
      case Treatment::recipients:
        return take_addresses(field, own, own && header_counts(), false);
      case Treatment::hidden_recipients:
        return take_addresses(field, own, own && header_counts(), true);
      case Treatment::sender:
        return take_addresses(field, own, false, false);
      case Treatment::reply:
        return take_addresses(field, false, false, false);
    }
    return {};
  }

  // `own`: not from an earlier resending, and not the original's of a resent message.
  // `counts`: its addresses are recipients.
  Outcome<> take_addresses(const FieldView& field, bool own, bool counts, bool hidden) {
    const bool sender = treatment_of(field.known) == Treatment::sender;
    auto list = mail::parse_addresses(field.body);
    if (!list) {
      if (counts || (sender && own && !job_.header_is_data)) {
        return cannot_read(field, list.error());
      }
      if (!hidden) fields_ += field.text;
      return {};
    }
    bool changed = list->repaired || has_long_line(field.text) || has_odd_octet(field.body);
    const mail::Mailbox* null = nullptr;
    for (mail::Mailbox& mailbox : list->mailboxes) {
      if (qualify(mailbox, settings_.hosts)) changed = true;
      if (mailbox.null && null == nullptr) null = &mailbox;
      if (counts && !mailbox.null) add_recipient(mailbox);
    }
    if (counts && null != nullptr) return cannot_read(field, {null->at, "\"<>\" names nobody"});
    if (hidden) return {};
    if (own && !job_.header_is_data) {
      if (Outcome<> done = take_senders(field, *list); !done) return done;
    }
    take_addressees(field.known, *list);
    // What an earlier resending wrote is no longer ours to complete.
    const bool earlier = is_resent(field.known) && !own;
    if (changed && !earlier) {
      fields_ += without_odd_octets(print_field(field.name, *list));
    } else {
      fields_ += field.text;
    }
    return {};
  }

  // RFC 5322 section 3.6.2: one Sender, and where From names more than one there has to be one.
  Outcome<> take_senders(const FieldView& field, const mail::AddressList& list) {
    switch (field.known) {
      case FieldName::from:
      case FieldName::resent_from:
        several_ = several_ || list.mailboxes.size() != 1;
        return {};
      case FieldName::sender:
      case FieldName::resent_sender:
        if (list.mailboxes.size() < 2) return {};
        return cannot_read(
            field, {list.mailboxes[1].at,
                    fmt::format("a second sender: \"{}\"", print_address(list.mailboxes[1]))});
      default:
        return {};
    }
  }

  void take_addressees(FieldName name, const mail::AddressList& list) {
    if (settings_.lists.empty() || (name != FieldName::to && name != FieldName::cc)) return;
    for (const mail::Mailbox& mailbox : list.mailboxes) {
      if (!mailbox.null) addressees_.push_back(mailbox);
    }
  }

  static Outcome<> cannot_read(const FieldView& field, const mail::AddressFault& fault) {
    const std::size_t octet = field.text.size() - field.body.size() + fault.at + 1;
    return refuse(Cause::data, "{}: octet {}: {}", field.name, octet, fault.text);
  }

  Outcome<> take_return_path(const FieldView& field) {
    if (sender_known_ || settings_.letters.ignore_return_path) return {};
    auto list = mail::parse_addresses(field.body);
    if (!list) return job_.header_is_data ? Outcome<>() : cannot_read(field, list.error());
    for (mail::Mailbox& mailbox : list->mailboxes) {
      qualify(mailbox, settings_.hosts);
      out_.envelope.sender = envelope_address(mailbox);
      sender_known_ = true;
    }
    if (settings_.letters.recipient_verp && !out_.envelope.sender.empty()) {
      out_.envelope.sender += "-@[]";
    }
    return {};
  }

  const mail::Header& header_;
  const Job& job_;
  const Settings& settings_;
  Own own_;
  Maker maker_;
  Completed out_;
  std::string fields_;
  std::vector<bool> dropped_;
  std::vector<mail::Mailbox> addressees_;  // of To and Cc, where mailing lists are known
  bool sender_known_ = false;
  bool several_ = false;  // From names more or fewer than one
};

}  // namespace

Outcome<Completed> complete(const mail::Header& header, const Job& job, const Settings& settings) {
  return Completion(header, job, settings).run();
}

}  // namespace porpoise::inject
