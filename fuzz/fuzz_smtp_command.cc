// SMTP command lines: any octets. Held to:
//   - lines do not depend on where the pieces split, and their number is that of the line ends;
//   - a fault lies on the line, says so in one printable line and has a code of its command;
//   - what is read strictly is read leniently as the same;
//   - a path that was read is well-formed, and its print is read strictly as the same address;
//   - parameters keep their limits; xtext that is read is printed again as it was;
//   - the cost is in proportion to the line.

#include <algorithm>
#include <string>

#include "fuzz/property.h"
#include "libmail/line_reader.h"
#include "libmail/smtp_command.h"
#include "libmail/utf8.h"
#include "libmail/xtext.h"

namespace {

using namespace porpoise::mail;
using namespace porpoise::fuzz;

constexpr SmtpExtensions kAll{.binary = true, .auth = true};
constexpr SmtpRules kStrict{.offered = kAll};
constexpr SmtpRules kLenient{.reading = SmtpReading::lenient, .offered = kAll};

// All lines of `octets`, each with what the reader tells of it, in pieces as their own octets say.
std::string lines_of(std::string_view octets, LineEnd end, bool in_pieces) {
  LineReader reader(64, end);
  std::string all;
  while (!octets.empty()) {
    const std::size_t size =
        in_pieces ? 1 + static_cast<unsigned char>(octets[0]) % 7 : octets.size();
    octets.remove_prefix(reader.feed(octets.substr(0, size)));
    if (!reader.complete()) continue;
    require(!reader.too_long() || reader.text().empty());
    require(reader.text().size() <= 62);
    all.append(reader.text()).append(reader.too_long() ? "\1" : "\2");
    all += reader.has_bare() ? '\3' : '\4';
    reader.clear();
  }
  return all + (reader.empty() ? "" : "\5");
}

void check_fault(const SmtpFault& fault, std::string_view line) {
  require(fault.at <= line.size());
  require(is_line(fault.text) && fault.text.size() < 100);
  for (const char c : fault.text) require(static_cast<unsigned char>(c) < 127);
  require(fault.code >= 500 && fault.code <= 555 && fault.status.klass == 5);
}

void check_path(const SmtpPath& path, bool strict) {
  require(path.address.size() <= kStrict.limits.address_octets);
  require(path.domain().size() <= kStrict.limits.domain_octets);
  require(is_utf8(path.address));
  require(path.utf8 == std::ranges::any_of(path.address, [](char c) {
            return static_cast<unsigned char>(c) >= 128;
          }));
  for (const char c : path.address) require(static_cast<unsigned char>(c) >= 32 && c != 127);
  const auto print = print_path(path.address);
  require(print.has_value() || !strict);
  if (!print) return;
  Cursor cursor(*print);
  const auto again = take_path(cursor, path.null() ? SmtpPathKind::reverse : SmtpPathKind::forward);
  require(again && cursor.at_end() && again->address == path.address);
}

void check_parameters(const MailParameters& p) {
  if (p.envid) {
    require(p.envid->size() <= kMaxEnvidOctets && is_printable_xtext(*p.envid));
    require(is_line(*decode_xtext(*p.envid)));
  }
  if (p.auth) require(p.auth->size() <= kMaxAuthOctets && decode_xtext(*p.auth).has_value());
}

void check_parameters(const RcptParameters& p) {
  if (p.orcpt) {
    require(p.orcpt->size() <= kMaxOrcptOctets && orcpt_fault(*p.orcpt).empty());
    require(is_line(*p.orcpt) && is_utf8(*p.orcpt));
  }
  if (!p.any_notify) return;
  const auto again = parse_rcpt_parameters(" NOTIFY=" + p.notify_text(), 0);
  require(again && again->any_notify && again->on_success == p.on_success &&
          again->on_failure == p.on_failure && again->on_delay == p.on_delay);
}

template <class Parse>
void check_both(std::string_view line, const SmtpCommand& command, Parse parse) {
  const auto strict = [&] {
    const Cost cost(line.size(), 20);
    return parse(command, kStrict);
  }();
  const auto lenient = [&] {
    const Cost cost(line.size(), 20);
    return parse(command, kLenient);
  }();
  if (strict) {
    check_path(strict->path, true);
    check_parameters(strict->parameters);
    require(lenient && lenient->path.address == strict->path.address);
  } else {
    check_fault(strict.error(), line);
  }
  if (lenient) {
    check_path(lenient->path, false);
    check_parameters(lenient->parameters);
  } else {
    check_fault(lenient.error(), line);
  }
}

void check_command(std::string_view line, const SmtpCommand& command) {
  require(line.starts_with(command.word) && is_line(command.word));
  require(line.substr(command.at).starts_with(command.argument));
  check_both(line, command,
             [](const SmtpCommand& c, const SmtpRules& rules) { return parse_mail(c, rules); });
  for (const bool utf8 : {false, true}) {
    check_both(line, command, [&](const SmtpCommand& c, const SmtpRules& rules) {
      const auto read = parse_rcpt(c, rules, utf8);
      if (read) require(!read->path.null() && (utf8 || !read->path.utf8));
      return read;
    });
  }
  for (const SmtpReading reading : {SmtpReading::strict, SmtpReading::lenient}) {
    const auto name = parse_helo(command, reading);
    if (!name) check_fault(name.error(), line);
    if (name) require(name->find_first_of(" \t()<>;\\\",") == std::string_view::npos);
  }
  const auto asked = parse_vrfy(command, kStrict);
  if (!asked) check_fault(asked.error(), line);
  if (asked && asked->path) check_path(*asked->path, false);
  if (const auto fault = argument_fault(command)) check_fault(*fault, line);
}

void check_line(std::string_view line) {
  const auto strict = [&] {
    const Cost cost(line.size());
    return parse_smtp_command(line, SmtpReading::strict);
  }();
  const auto lenient = parse_smtp_command(line, SmtpReading::lenient);
  if (strict) {
    require(lenient && lenient->verb == strict->verb && lenient->argument == strict->argument);
  } else {
    check_fault(strict.error(), line);
  }
  if (lenient) {
    check_command(line, *lenient);
  } else {
    check_fault(lenient.error(), line);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view octets = view_of(data, size);
  for (const LineEnd end : {LineEnd::crlf, LineEnd::crlf_or_lf}) {
    const std::string whole = [&] {
      const Cost cost(octets.size());
      return lines_of(octets, end, false);
    }();
    require(lines_of(octets, end, true) == whole);
  }
  check_line(octets);
  // What a command would say of it as its argument.
  const std::string mail = "MAIL FROM:" + std::string(octets);
  check_line(mail);
  const std::string rcpt = "RCPT TO:" + std::string(octets);
  check_line(rcpt);

  const std::string coded = encode_xtext(octets);
  require(decode_xtext(coded) == octets && !xtext_fault(coded));
  if (const auto plain = decode_xtext(octets)) require(decode_xtext(encode_xtext(*plain)) == plain);
  return 0;
}
