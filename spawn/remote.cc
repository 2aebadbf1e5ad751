#include "spawn/remote.h"

#include <algorithm>
#include <array>
#include <optional>
#include <sysexits.h>

#include "libmail/address_text.h"

namespace porpoise::spawn {
namespace {

bool has_control(std::string_view address) {
  return std::ranges::any_of(address, [](char c) {
    const auto octet = static_cast<unsigned char>(c);
    return octet < 32 || octet == 127;
  });
}

struct ExitCode {
  int code;
  char letter;
  const char* meaning;
};

// msmtp says 69 for every 4yz reply, 68 while there is no name service, 76 for a connection that
// broke, 77 for a password that is not right.
constexpr std::array kExitCodes = {
    ExitCode{EX_USAGE, 'Z', "wrong usage: see control/remote (#4.3.5)"},
    ExitCode{EX_DATAERR, 'D', "the message was refused (#5.6.0)"},
    ExitCode{EX_NOINPUT, 'Z', "no input (#4.3.0)"},
    ExitCode{EX_NOUSER, 'D', "no such user there (#5.1.1)"},
    ExitCode{EX_NOHOST, 'Z', "the host was not found (#4.4.3)"},
    ExitCode{EX_UNAVAILABLE, 'Z', "the service is not available (#4.3.0)"},
    ExitCode{EX_SOFTWARE, 'Z', "a mistake in the program (#4.3.0)"},
    ExitCode{EX_OSERR, 'Z', "the system could not do it (#4.3.0)"},
    ExitCode{EX_OSFILE, 'Z', "a file of the system is missing (#4.3.0)"},
    ExitCode{EX_CANTCREAT, 'Z', "a file could not be made (#4.3.0)"},
    ExitCode{EX_IOERR, 'Z', "reading or writing failed (#4.4.2)"},
    ExitCode{EX_TEMPFAIL, 'Z', "not now (#4.4.0)"},
    ExitCode{EX_PROTOCOL, 'Z', "the other side did not keep to the protocol (#4.5.0)"},
    ExitCode{EX_NOPERM, 'Z', "the login was refused (#4.7.0)"},
    ExitCode{EX_CONFIG, 'Z', "the program's configuration is wrong (#4.3.5)"},
    ExitCode{100, 'D', "refused (#5.3.0)"},
    ExitCode{111, 'Z', "not now (#4.3.0)"},
};

std::string one_line(std::string_view words) {
  while (!words.empty() && (words.back() == '\n' || words.back() == '\r')) words.remove_suffix(1);
  std::string text(words);
  std::ranges::replace(text, '\0', '?');
  return text;
}

std::string with_reason(std::string_view words, std::string_view reason) {
  const std::string text = one_line(words);
  return text.empty() ? std::string(reason) : fmt::format("{}\n{}", text, reason);
}

std::vector<std::string> split_reports(std::string_view octets) {
  std::vector<std::string> reports;
  for (std::size_t end; (end = octets.find('\0')) != std::string_view::npos;) {
    reports.emplace_back(octets.substr(0, end));
    octets.remove_prefix(end + 1);
  }
  return reports;
}

// K is better than Z, Z than D.
int rank(char letter) {
  return letter == 'K' ? 1 : letter == 'Z' ? 0 : -1;
}

}  // namespace

Result<std::vector<std::string>> remote_arguments(const RemoteProgram& program,
                                                  const StartDelivery& start) {
  const std::size_t at = start.recipient.rfind('@');
  if (at == std::string::npos || at + 1 == start.recipient.size()) {
    return permanent("the address has no domain (#5.1.3)");
  }
  if (has_control(start.recipient)) {
    return permanent("the address has a control character: no program is given that (#5.1.3)");
  }
  if (has_control(start.sender)) {
    return permanent("the sender has a control character: no program is given that (#5.1.7)");
  }
  std::vector<std::string> list = program.words;
  if (program.style == RemoteProgram::Style::qmail) {
    for (const std::string& word :
         {start.recipient.substr(at + 1), start.sender, start.recipient}) {
      list.push_back(word);
    }
  } else {
    for (const std::string& word : {std::string("-f"), mail::quote_address(start.sender),
                                    std::string("--"), mail::quote_address(start.recipient)}) {
      list.push_back(word);
    }
  }
  return list;
}

Said said_by_pipe(const posix::Ended& ended, std::string_view words) {
  if (ended.ok()) return {'K', one_line(words)};
  if (ended.signal == 0) {
    const auto known = std::ranges::find(kExitCodes, ended.code, &ExitCode::code);
    if (known != kExitCodes.end()) {
      return {known->letter,
              with_reason(words, fmt::format("exit code {}: {}", ended.code, known->meaning))};
    }
  }
  return {'Z', with_reason(words,
                           fmt::format("the program for other hosts: {} (#4.3.0)", ended.text()))};
}

Said said_by_qmail(const posix::Ended& ended, std::string_view octets) {
  if (!ended.ok()) {
    return {'Z', with_reason(octets, fmt::format("the program for other hosts: {} (#4.3.0)",
                                                 ended.text()))};
  }
  const std::vector<std::string> reports = split_reports(octets);
  const auto is_message = [](const std::string& r) {
    return !r.empty() && (r[0] == 'K' || r[0] == 'Z' || r[0] == 'D');
  };
  const auto message = std::ranges::find_if(reports, is_message);
  const char first = reports.empty() || reports[0].empty() ? '\0' : reports[0][0];
  std::optional<char> letter;
  if (first == 's') letter = 'Z';
  if (first == 'h') letter = 'D';
  if (!letter && message != reports.end()) letter = (*message)[0];
  // Mended: what says neither was a failure.
  if (!letter) {
    return {'Z', with_reason(octets, "the program for other hosts made no report (#4.3.0)")};
  }
  std::string text = first == '\0' ? "" : reports[0].substr(1);
  const bool more = message != reports.end() && message != reports.begin();
  if (more && rank((*message)[0]) <= rank(*letter)) text += message->substr(1);
  return {*letter, one_line(text)};
}

}  // namespace porpoise::spawn
