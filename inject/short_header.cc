#include "inject/short_header.h"

#include "libmail/address.h"
#include "libmail/fold.h"

namespace porpoise::inject {
namespace {

Outcome<> check(const std::string& recipient) {
  if (recipient.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) {
    return refuse(Cause::data, "recipient \"{}\": a line end inside an address", recipient);
  }
  const auto list = mail::parse_addresses(recipient);
  if (!list) {
    return refuse(Cause::data, "recipient \"{}\": octet {}: {}", recipient, list.error().at + 1,
                  list.error().text);
  }
  for (const mail::Mailbox& mailbox : list->mailboxes) {
    if (!mailbox.null) return {};
  }
  return refuse(Cause::data, "recipient \"{}\" names nobody", recipient);
}

}  // namespace

Outcome<std::string> short_header(std::string_view subject,
                                  const std::vector<std::string>& recipients) {
  if (recipients.empty()) return refuse(Cause::usage, "no recipients: none were named");
  std::string text = mail::print_unstructured("Subject", subject) + "To:";
  for (const std::string& recipient : recipients) {
    if (Outcome<> done = check(recipient); !done) return failed(done);
    text.append(text.ends_with(':') ? " " : ",\n  ").append(recipient);
  }
  return text + "\n\n";
}

}  // namespace porpoise::inject
