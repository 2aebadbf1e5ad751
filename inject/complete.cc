#include "inject/complete.h"

#include <algorithm>
#include <array>

#include "libmail/address.h"
#include "libmail/address_text.h"
#include "libmail/date.h"
#include "libmail/message_id.h"

namespace porpoise::inject {
namespace {

using mail::FieldName;
using mail::FieldView;

/// How a field is treated (reference 1.2).
enum class Treatment { recipients, hidden_recipients, sender, return_path, deleted, untouched };

Treatment treatment_of(FieldName name) {
  switch (name) {
    case FieldName::to:
    case FieldName::cc:
    case FieldName::apparently_to:
    case FieldName::resent_to:
    case FieldName::resent_cc:
      return Treatment::recipients;
    case FieldName::bcc:
    case FieldName::resent_bcc:
      return Treatment::hidden_recipients;
    case FieldName::sender:
    case FieldName::from:
    case FieldName::reply_to:
    case FieldName::return_receipt_to:
    case FieldName::errors_to:
    case FieldName::resent_sender:
    case FieldName::resent_from:
    case FieldName::resent_reply_to:
      return Treatment::sender;
    case FieldName::return_path:
      return Treatment::return_path;
    case FieldName::content_length:
      return Treatment::deleted;
    default:
      return Treatment::untouched;
  }
}

bool is_resent(FieldName name) {
  switch (name) {
    case FieldName::resent_sender:
    case FieldName::resent_from:
    case FieldName::resent_reply_to:
    case FieldName::resent_to:
    case FieldName::resent_cc:
    case FieldName::resent_bcc:
    case FieldName::resent_date:
    case FieldName::resent_message_id:
      return true;
    default:
      return false;
  }
}

bool looks_like_a_list(std::string_view argument) {
  return argument.find_first_of("<>,\"()") != std::string_view::npos;
}

class Completion {
 public:
  Completion(const mail::Header& header, const Job& job, const Settings& settings)
      : header_(header), job_(job), settings_(settings) {}

  Outcome<Completed> run() {
    look();
    if (Outcome<> done = take_arguments(); !done) return failed(done);
    if (Outcome<> done = take_sender(); !done) return failed(done);
    for (std::size_t i = 0; i < header_.size(); ++i) {
      if (Outcome<> done = take_field(header_.field(i)); !done) return failed(done);
    }
    if (out_.envelope.recipients.empty()) return nobody();
    if (!sender_known_) default_sender();
    Outcome<std::string> made = generated();
    if (!made) return failed(made);
    out_.envelope.parameters = job_.parameters;
    out_.header = std::move(*made) + fields_;
    return std::move(out_);
  }

 private:
  // ---- before anything is taken: what kind of message this is

  void look() {
    for (std::size_t i = 0; i < header_.size(); ++i) {
      const FieldName name = header_.field(i).known;
      if (dropped(name)) continue;
      present_[static_cast<std::size_t>(name)] = true;
      if (is_resent(name)) resent_ = true;
    }
  }

  bool dropped(FieldName name) const {
    return (name == FieldName::from && settings_.letters.delete_from) ||
           (name == FieldName::message_id && settings_.letters.delete_message_id);
  }

  bool present(FieldName name) const { return present_[static_cast<std::size_t>(name)]; }

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
                  resent_ ? "Resent-To, Resent-Cc or Resent-Bcc" : "To, Cc or Bcc");
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

  Outcome<> take_field(const FieldView& field) {
    const Treatment treatment = treatment_of(field.known);
    if (treatment == Treatment::deleted || dropped(field.known)) return {};
    if (treatment == Treatment::return_path) return take_return_path(field);
    if (treatment == Treatment::untouched) {
      fields_ += field.text;
      return {};
    }
    const bool hidden = treatment == Treatment::hidden_recipients;
    // Of a resent message only the Resent- fields are the caller's own.
    const bool own = is_resent(field.known) == resent_;
    const bool counts = treatment != Treatment::sender && own && header_counts();
    auto list = mail::parse_addresses(field.body);
    if (!list) {
      const bool needed = counts || (treatment == Treatment::sender && own && !job_.header_is_data);
      if (needed) return cannot_read(field, list.error());
      if (!hidden) fields_ += field.text;
      return {};
    }
    bool changed = list->repaired;
    const mail::Mailbox* null = nullptr;
    for (mail::Mailbox& mailbox : list->mailboxes) {
      if (qualify(mailbox, settings_.hosts)) changed = true;
      if (mailbox.null && null == nullptr) null = &mailbox;
      if (counts && !mailbox.null) add_recipient(mailbox);
    }
    if (counts && null != nullptr) return cannot_read(field, {null->at, "\"<>\" names nobody"});
    if (hidden) return {};
    if (changed && !list->empty()) {
      fields_ += print_field(field.name, *list);
    } else {
      fields_ += field.text;
    }
    return {};
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

  // ---- what is made

  const Account& account() {
    if (!account_) account_ = settings_.account ? settings_.account() : Account{"anonymous", ""};
    return *account_;
  }

  std::string user() { return settings_.user ? *settings_.user : account().user; }

  std::string name() {
    if (settings_.name) return *settings_.name;
    return account().user == user() ? account().name : "";
  }

  std::string own_host() const {
    return qualify_domain(settings_.host.value_or(""), settings_.hosts);
  }

  void default_sender() {
    std::string sender = settings_.sender_user ? *settings_.sender_user : user();
    if (settings_.letters.message_verp) {
      sender += fmt::format("-{}.{}", settings_.wall_us / 1'000'000, settings_.pid);
    }
    if (settings_.letters.recipient_verp) sender += '-';
    sender += '@';
    sender += settings_.sender_host ? qualify_domain(*settings_.sender_host, settings_.hosts)
                                    : own_host();
    if (settings_.letters.recipient_verp) sender += "-@[]";
    out_.envelope.sender = std::move(sender);
  }

  Outcome<std::string> generated() {
    const std::string prefix = resent_ ? "Resent-" : "";
    const std::int64_t seconds = settings_.wall_us / 1'000'000;
    std::string text;
    if (!present(resent_ ? FieldName::resent_date : FieldName::date)) {
      text += fmt::format("{}Date: {}\n", prefix, mail::print_date(seconds));
    }
    if (!present(resent_ ? FieldName::resent_message_id : FieldName::message_id)) {
      const mail::MessageIdSource source{settings_.wall_us, settings_.pid, settings_.random};
      text += fmt::format("{}Message-ID: {}\n", prefix, make_message_id(source, settings_.id_host));
    }
    if (!present(resent_ ? FieldName::resent_from : FieldName::from)) {
      text += from_field(prefix + "From");
    }
    if (!present(resent_ ? FieldName::resent_to : FieldName::to) &&
        !present(resent_ ? FieldName::resent_cc : FieldName::cc)) {
      text += prefix + "Cc: recipient list not shown: ;\n";
    }
    return text;
  }

  std::string from_field(const std::string& field_name) {
    mail::AddressList list;
    mail::Mailbox mailbox;
    mailbox.local = user();
    mailbox.domain = own_host();
    const std::string said = name();
    if (!said.empty() && settings_.letters.comment_from) {
      mailbox.comments.push_back(mail::print_comment(said));
    } else if (!said.empty()) {
      mailbox.phrase = mail::print_encoded_phrase(said);
    }
    list.mailboxes.push_back(std::move(mailbox));
    return print_field(field_name, list);
  }

  const mail::Header& header_;
  const Job& job_;
  const Settings& settings_;
  Completed out_;
  std::string fields_;
  std::array<bool, 64> present_{};
  std::optional<Account> account_;
  bool resent_ = false;
  bool sender_known_ = false;
};

}  // namespace

Outcome<Completed> complete(const mail::Header& header, const Job& job, const Settings& settings) {
  return Completion(header, job, settings).run();
}

}  // namespace porpoise::inject
