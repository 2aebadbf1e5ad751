#include "inject/made_fields.h"

#include <algorithm>

#include "libmail/address_text.h"
#include "libmail/date.h"
#include "libmail/message_id.h"

namespace porpoise::inject {
namespace {

using mail::FieldName;

// The front of `text`, cut between two characters.
std::string_view cut(std::string_view text, std::size_t octets) {
  if (text.size() <= octets) return text;
  while (octets > 0 && (static_cast<unsigned char>(text[octets]) & 0xc0) == 0x80) --octets;
  return text.substr(0, octets);
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return out;
}

// A comment in a header that may be UTF-8.
std::string raw_comment(std::string_view text) {
  std::string out = "(";
  for (const char c : text) {
    if (c == '(' || c == ')' || c == '\\') out += '\\';
    out += is_control(c) ? ' ' : c;
  }
  return out + ")";
}

}  // namespace

const Account& Maker::account() {
  if (!account_) account_ = settings_.account ? settings_.account() : Account{"anonymous", ""};
  return *account_;
}

std::string Maker::user() {
  return settings_.user ? *settings_.user : account().user;
}

std::string Maker::name() {
  if (settings_.name) return *settings_.name;
  return account().user == user() ? account().name : "";
}

std::string Maker::host() const {
  return qualify_domain(settings_.host.value_or(""), settings_.hosts);
}

std::string Maker::sender() {
  std::string sender = settings_.sender_user ? *settings_.sender_user : user();
  if (settings_.letters.message_verp) {
    sender += fmt::format("-{}.{}", settings_.wall_us / 1'000'000, settings_.pid);
  }
  if (settings_.letters.recipient_verp) sender += '-';
  sender += '@';
  sender +=
      settings_.sender_host ? qualify_domain(*settings_.sender_host, settings_.hosts) : host();
  if (settings_.letters.recipient_verp) sender += "-@[]";
  return sender;
}

std::string Maker::fields(const Own& own, bool several,
                          const std::vector<mail::Mailbox>& addressees) {
  const bool resent = own.resent();
  const std::string prefix = resent ? "Resent-" : "";
  const std::int64_t seconds = settings_.wall_us / 1'000'000;
  std::string text;
  if (!own.has(resent ? FieldName::resent_date : FieldName::date)) {
    text += fmt::format("{}Date: {}\n", prefix, mail::print_date(seconds));
  }
  if (!own.has(resent ? FieldName::resent_message_id : FieldName::message_id)) {
    const mail::MessageIdSource source{settings_.wall_us, settings_.pid, settings_.random};
    text += fmt::format("{}Message-ID: {}\n", prefix, make_message_id(source, settings_.id_host));
  }
  if (!own.has(resent ? FieldName::resent_from : FieldName::from)) {
    text += own_address(prefix + "From");
  } else if (several && !own.has(resent ? FieldName::resent_sender : FieldName::sender)) {
    text += own_address(prefix + "Sender");
  }
  if (!own.has(resent ? FieldName::resent_to : FieldName::to) &&
      !own.has(resent ? FieldName::resent_cc : FieldName::cc)) {
    text += prefix + "Cc: recipient list not shown: ;\n";
  }
  if (!resent && !own.has(FieldName::mail_followup_to)) text += followup(addressees);
  return text;
}

std::string Maker::own_address(const std::string& field) {
  mail::AddressList list;
  mail::Mailbox mailbox;
  mailbox.local = user();
  mailbox.domain = host();
  const std::string whole = name();
  const std::string_view said = cut(whole, kLongestName);
  const bool raw = settings_.letters.utf8_names && mail::is_utf8(said);
  if (!said.empty() && settings_.letters.comment_from) {
    mailbox.comments.push_back(raw ? raw_comment(said) : mail::print_comment(said));
  } else if (!said.empty()) {
    mailbox.phrase = raw ? mail::print_phrase(said) : mail::print_encoded_phrase(said);
  }
  list.mailboxes.push_back(std::move(mailbox));
  return print_field(field, list);
}

// Where one of To and Cc is a mailing list's address, answers go to them and not to the writer.
std::string Maker::followup(const std::vector<mail::Mailbox>& addressees) const {
  const auto is_list = [&](const mail::Mailbox& m) {
    return settings_.lists.contains(lower(envelope_address(m)));
  };
  if (std::ranges::none_of(addressees, is_list)) return "";
  mail::AddressList list;
  for (const mail::Mailbox& addressee : addressees) {
    mail::Mailbox& bare = list.mailboxes.emplace_back();
    bare.local = addressee.local;
    bare.domain = addressee.domain;
  }
  return print_field("Mail-Followup-To", list);
}

}  // namespace porpoise::inject
