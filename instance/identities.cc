#include <algorithm>
#include <array>
#include <utility>

#include "instance/instance.h"
#include "libmail/number.h"

namespace porpoise {
namespace {

constexpr std::string_view kWanted = "want queue, network and alias, each as PART:NAME:UID:GID";

std::optional<std::uint32_t> id_of(std::string_view text) {
  const std::optional<std::uint32_t> id = number_in<std::uint32_t>(text);
  // The last is what "no such id" and "leave it as it is" look like to the kernel.
  return id == UINT32_MAX ? std::nullopt : id;
}

/// What is up to the next `end` and that; all of it where there is none.
std::string_view cut(std::string_view& rest, char end) {
  const std::size_t at = rest.find(end);
  const std::string_view part = rest.substr(0, at);
  rest.remove_prefix(at == std::string_view::npos ? rest.size() : at + 1);
  return part;
}

Result<Identity> parse_identity(std::string_view rest, int number) {
  Identity identity;
  identity.name = cut(rest, ':');
  const std::optional<std::uint32_t> uid = id_of(cut(rest, ':'));
  const std::optional<std::uint32_t> gid = id_of(rest);
  if (identity.name.empty() || !uid || !gid) {
    return permanent("control/system line {}: {}", number, kWanted);
  }
  if (*uid == 0 || *gid == 0) {
    return permanent("control/system line {}: {} must not be root", number, identity.name);
  }
  identity.uid = *uid;
  identity.gid = *gid;
  return identity;
}

}  // namespace

std::string Identities::text() const {
  std::string text;
  const std::array<std::pair<const char*, const Identity*>, 3> parts = {
      {{"queue", &queue}, {"network", &network}, {"alias", &alias}}};
  for (const auto& [part, who] : parts) {
    text += fmt::format("{}:{}:{}:{}\n", part, who->name, who->uid, who->gid);
  }
  return text;
}

Result<Identities> Identities::parse(std::string_view text) {
  Identities found;
  const std::array<std::pair<std::string_view, Identity*>, 3> parts = {
      {{"queue", &found.queue}, {"network", &found.network}, {"alias", &found.alias}}};
  for (int number = 1; !text.empty(); ++number) {
    std::string_view line = cut(text, '\n');
    if (line.empty() || line.starts_with('#')) continue;
    const std::string_view part = cut(line, ':');
    const auto* entry =
        std::ranges::find_if(parts, [part](const auto& known) { return known.first == part; });
    if (entry == parts.end()) return permanent("control/system line {}: {}", number, kWanted);
    if (!entry->second->name.empty()) {
      return permanent("control/system line {}: {} is there twice", number, part);
    }
    Result<Identity> identity = parse_identity(line, number);
    if (!identity) return failed(identity);
    *entry->second = std::move(*identity);
  }
  for (const auto& [part, who] : parts) {
    if (who->name.empty()) return permanent("control/system: no {}; {}", part, kWanted);
  }
  if (found.queue.uid == found.network.uid || found.queue.uid == found.alias.uid ||
      found.network.uid == found.alias.uid) {
    return permanent("control/system: two of its accounts have the same uid");
  }
  return found;
}

}  // namespace porpoise
