#include "send/notice.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>

#include "libmail/address_text.h"
#include "libmail/date.h"
#include "libmail/dsn.h"
#include "libmail/header.h"
#include "libmail/message_id.h"

namespace porpoise::send {
namespace {

constexpr std::size_t kMaxLine = 900;       // octets; RFC 5322 section 2.1.1 allows 998
constexpr std::size_t kMaxMessageId = 250;  // so that In-Reply-To fits a line
constexpr std::size_t kMaxDiagnostic = 800;
constexpr mail::StatusCode kUnknown{.klass = 5, .subject = 0, .detail = 0};

bool is_control(char c) {
  return (static_cast<unsigned char>(c) < 32 && c != '\t') || c == 127;
}

bool continues_utf8(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

// Text for people: LF ends lines, other controls and what is not UTF-8 are shown as "?".
std::string clean(std::string_view text) {
  const bool utf8 = mail::is_utf8(text);
  std::string result(text);
  std::erase(result, '\r');
  for (char& c : result) {
    if (c != '\n' && is_control(c)) c = '?';
    if (!utf8 && static_cast<unsigned char>(c) >= 128) c = '?';
  }
  return result;
}

// Breaks what is too long for a line of mail, never inside a character.
std::string with_short_lines(std::string_view text) {
  std::string result;
  std::size_t column = 0;
  for (const char c : text) {
    if (column >= kMaxLine && c != '\n' && !continues_utf8(c)) {
      result += '\n';
      column = 0;
    }
    result += c;
    column = c == '\n' ? 0 : column + 1;
  }
  return result;
}

// One line of printable ASCII, as machines want it.
std::string ascii_line(std::string_view text) {
  std::string result;
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    if (c == '\r') continue;
    if (c == '\n' || c == '\t') {
      if (!result.empty() && result.back() != ' ') result += ' ';
    } else {
      result += octet < 32 || octet >= 127 ? '?' : c;
    }
  }
  while (!result.empty() && result.back() == ' ') result.pop_back();
  return result;
}

// For a field: quoted as needed. A control octet, which quoting would keep, ends no line here.
std::string in_field(std::string_view address) {
  std::string one_line(address);
  for (char& c : one_line) {
    if (is_control(c) || c == '\t') c = '_';
  }
  return mail::quote_address(one_line);
}

std::string boundary(const NoticeAbout& about) {
  return "=_porpoise_" + about.id;
}

// The number at `at`: 1 to 3 digits. 0: there is none.
std::size_t digits(std::string_view text, std::size_t at) {
  std::size_t n = 0;
  while (n < 3 && at + n < text.size() && text[at + n] >= '0' && text[at + n] <= '9') ++n;
  return n;
}

// The code at `at`, which is after "(#": class 2, 4 or 5, subject, detail, ")".
std::string code_at(std::string_view text, std::size_t at) {
  if (at >= text.size() || (text[at] != '2' && text[at] != '4' && text[at] != '5')) return "";
  std::size_t end = at + 1;
  for (int part = 0; part < 2; ++part) {
    if (end >= text.size() || text[end] != '.') return "";
    const std::size_t n = digits(text, end + 1);
    if (n == 0) return "";
    end += 1 + n;
  }
  if (end >= text.size() || text[end] != ')') return "";
  return std::string(text.substr(at, end - at));
}

constexpr const char* kSingle =
    "Your message could not be delivered to the addresses below, and will not be\n"
    "tried again. After each address stands the reason.\n";
constexpr const char* kDouble =
    "A message without a sender, most likely a notice like this one, could not be\n"
    "delivered to the addresses below, and will not be tried again. After each\n"
    "address stands the reason.\n";

}  // namespace

NoticeEnvelope notice_envelope(std::string sender, const std::string& double_to) {
  constexpr std::string_view kVerpMark = "-@[]";
  if (sender.ends_with(kVerpMark)) sender.resize(sender.size() - kVerpMark.size());
  if (sender.empty()) return {"#@[]", double_to, true};
  return {"", std::move(sender), false};
}

bool has_eight_bit(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) >= 128; });
}

std::string status_code(std::string_view text) {
  std::string last = "5.0.0";
  for (std::size_t at = text.find("(#"); at != std::string_view::npos;
       at = text.find("(#", at + 2)) {
    if (std::string code = code_at(text, at + 2); !code.empty()) last = std::move(code);
  }
  return last;
}

std::string header_of(std::string_view beginning) {
  for (std::size_t at = 0; at < beginning.size();) {
    const std::size_t end = beginning.find('\n', at);
    if (end == std::string_view::npos) {
      // A line that does not end: the whole message, or cut off.
      return std::string(at == 0 ? "" : beginning.substr(0, at));
    }
    const std::string_view line = beginning.substr(at, end - at);
    if (line.empty() || line == "\r") return std::string(beginning.substr(0, at));
    at = end + 1;
  }
  return std::string(beginning);
}

std::string plain_message_id(std::string_view header) {
  mail::HeaderReader reader;
  while (!reader.done() && !header.empty()) header.remove_prefix(reader.feed(header));
  const Result<mail::Header> read = std::move(reader).finish();
  for (std::size_t i = 0; read && i < read->size(); ++i) {
    if (read->field(i).known != mail::FieldName::message_id) continue;
    const auto id = mail::parse_message_id(read->field(i).body);
    if (id && id->size() <= kMaxMessageId && !has_eight_bit(*id)) return "<" + *id + ">";
  }
  return "";
}

std::string notice_beginning(const NoticeAbout& about) {
  const char* encoding = about.eight_bit ? "8bit" : "7bit";
  std::string text =
      fmt::format("Date: {}\nFrom: {}\nTo: {}\nSubject: failure notice\nMessage-ID: <{}@{}>\n",
                  mail::print_date(about.now_us / 1'000'000), in_field(about.from),
                  in_field(about.to), about.id, ascii_line(about.host));
  const std::string original = plain_message_id(about.header);
  if (!original.empty()) text += fmt::format("In-Reply-To: {}\n", original);
  text += fmt::format(
      "MIME-Version: 1.0\n"
      "Auto-Submitted: auto-replied\n"
      "Content-Type: multipart/report; report-type=delivery-status;\n"
      " boundary=\"{0}\"\n"
      "Content-Transfer-Encoding: {1}\n"
      "\n"
      "--{0}\n"
      "Content-Type: text/plain; charset=utf-8\n"
      "Content-Transfer-Encoding: {1}\n"
      "\n"
      "Hi. This is the porpoise-send program at {2}.\n",
      boundary(about), encoding, about.host);
  return text + (about.is_double ? kDouble : kSingle) + "\n";
}

// QSBMF: an address in "<" and ">:", the reason, an empty line - and so none within the reason.
std::string failure_paragraph(const Failure& failure) {
  std::string address = clean(failure.address);
  std::ranges::replace(address, '\n', '_');
  std::string text = clean(failure.text);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  while (!text.empty() && text.front() == '\n') text.erase(0, 1);
  for (std::size_t i = text.size(); i-- > 1;) {
    if (text[i] == '\n' && text[i - 1] == '\n') text[i] = '/';
  }
  return with_short_lines(fmt::format("<{}>:\n{}\n", address, text)) + "\n";
}

std::string notice_middle(const NoticeAbout& about) {
  return fmt::format(
      "--- Below this line is the header of the message.\n"
      "\n"
      "--{}\n"
      "Content-Type: message/delivery-status\n"
      "\n"
      "Reporting-MTA: dns; {}\n"
      "X-Porpoise-Id: {}\n"
      "Arrival-Date: {}\n",
      boundary(about), ascii_line(about.host), about.about,
      mail::print_date(about.arrival_us / 1'000'000));
}

std::string failure_status(const Failure& failure) {
  std::string diagnostic = ascii_line(failure.text);
  if (diagnostic.size() > kMaxDiagnostic) diagnostic.resize(kMaxDiagnostic);
  return "\n" + mail::print(mail::DsnRecipient{
                    .final = {"rfc822", ascii_line(in_field(failure.address))},
                    .action = mail::DsnAction::failed,
                    .status = mail::StatusCode::parse(status_code(failure.text)).value_or(kUnknown),
                    .diagnostic = mail::TypedText{"X-Porpoise", diagnostic}});
}

std::string notice_end(const NoticeAbout& about) {
  std::string header = about.header;
  std::ranges::replace(header, '\0', '?');
  if (!header.empty() && header.back() != '\n') header += '\n';
  std::string text = fmt::format(
      "\n"
      "--{}\n"
      "Content-Type: text/rfc822-headers\n"
      "Content-Transfer-Encoding: {}\n"
      "\n"
      "Return-Path: <{}>\n"
      "{}",
      boundary(about), about.eight_bit ? "8bit" : "7bit", in_field(about.sender), header);
  if (about.header_cut) text += "X-Porpoise-Notice: the rest of the header is left out\n";
  return text + fmt::format("\n--{}--\n", boundary(about));
}

}  // namespace porpoise::send
