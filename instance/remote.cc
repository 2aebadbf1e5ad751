#include "instance/remote.h"

#include <unistd.h>

#include "instance/trusted.h"
#include "libmail/control_file.h"

namespace porpoise {
namespace {

constexpr const char* kWanted = "want: pipe COMMAND..., or: qmail PROGRAM";
constexpr std::string_view kBlanks = " \t";

std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words;
  for (;;) {
    const std::size_t begin = line.find_first_not_of(kBlanks);
    if (begin == std::string_view::npos) return words;
    line.remove_prefix(begin);
    words.emplace_back(line.substr(0, line.find_first_of(kBlanks)));
    line.remove_prefix(words.back().size());
  }
}

// Written for a shell, which there is none.
std::optional<std::string_view> for_a_shell(const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    const std::size_t at = word.find_first_of("\"'`\\$|;&<>");
    if (at != std::string::npos) return std::string_view(word).substr(at, 1);
  }
  return std::nullopt;
}

}  // namespace

Result<RemoteProgram> RemoteProgram::parse(std::string_view line) {
  RemoteProgram remote;
  remote.words = words_of(line);
  const std::string style = remote.words.empty() ? "" : remote.words.front();
  if (style != "pipe" && style != "qmail") {
    return temporary("control/remote: \"{}\" is no style; {}", style, kWanted);
  }
  remote.style = style == "pipe" ? Style::pipe : Style::qmail;
  remote.words.erase(remote.words.begin());
  if (remote.words.empty()) {
    return temporary("control/remote: no program after \"{}\"; {}", style, kWanted);
  }
  if (const auto bad = for_a_shell(remote.words)) {
    return temporary(
        "control/remote: {} means nothing here, since no shell reads the line; put the command "
        "into a script and name that",
        *bad);
  }
  const std::string& program = remote.words.front();
  if (program.front() != '/' && program.find('/') != std::string::npos) {
    return temporary("control/remote: {}: want a path that begins with /, or a name without one",
                     program);
  }
  return remote;
}

Result<std::optional<RemoteProgram>> RemoteProgram::load(const Instance& instance) {
  Result<std::optional<std::string>> text = trusted_text(instance, "control/remote");
  if (!text) return failed(text);
  if (!*text) return std::optional<RemoteProgram>();
  const auto line = mail::control_value("control/remote", **text);
  if (!line) return temporary("{}", line.error().text);
  if (!*line) return std::optional<RemoteProgram>();
  Result<RemoteProgram> remote = parse(**line);
  if (!remote) return failed(remote);
  return std::optional(std::move(*remote));
}

Result<std::string> RemoteProgram::path() const {
  const std::string& program = words.front();
  const auto can_run = [](const std::string& file) { return ::access(file.c_str(), X_OK) == 0; };
  if (program.find('/') != std::string::npos) {
    if (can_run(program)) return program;
    return temporary("control/remote: {} is no program that can be run", program);
  }
  for (std::string_view rest = kRemotePath; !rest.empty();) {
    const std::string_view folder = rest.substr(0, rest.find(':'));
    rest.remove_prefix(std::min(rest.size(), folder.size() + 1));
    std::string file = fmt::format("{}/{}", folder, program);
    if (can_run(file)) return file;
  }
  return temporary("control/remote: there is no program {} in {}", program, kRemotePath);
}

}  // namespace porpoise
