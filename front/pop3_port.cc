#include "front/pop3_port.h"

#include <unistd.h>

#include "instance/control.h"
#include "libmail/quantity.h"
#include "posix/file.h"

namespace porpoise::front {
namespace {

constexpr const char* kInUse = "pop3port";

std::optional<unsigned short> port_in(std::string_view text) {
  const auto port = mail::parse_digits(text, 65535);
  if (!port) return std::nullopt;
  return static_cast<unsigned short>(*port);
}

}  // namespace

Result<Pop3Setting> pop3_setting(const Instance& instance) {
  Result<std::optional<std::string>> line = Control(instance.folder()).line("pop3port");
  if (!line) return temporary("instance {}: {}", instance.path(), line.error().text);
  if (!*line) return Pop3Setting{};
  if (**line == "none") return Pop3Setting{.wanted = false, .port = 0, .chosen = true};
  const std::optional<unsigned short> port = port_in(**line);
  if (!port) {
    return temporary("instance {}: control/pop3port: \"{}\" is neither a port nor none",
                     instance.path(), **line);
  }
  return Pop3Setting{.wanted = true, .port = *port, .chosen = true};
}

std::optional<unsigned short> pop3_port_in_use(const Instance& instance) {
  const auto line = Control(instance.folder(), "run/").line(kInUse);
  return line && *line ? port_in(**line) : std::nullopt;
}

Result<> write_pop3_port(const Instance& instance, unsigned short port) {
  Result<posix::UniqueFd> run = instance.open_folder("run");
  if (!run) return failed(run);
  return posix::replace_file(run->get(), kInUse, fmt::format("{}\n", port), 0644);
}

void remove_pop3_port(const Instance& instance) {
  (void)::unlinkat(instance.folder(), "run/pop3port", 0);
}

}  // namespace porpoise::front
