#include "queue/submit_limits.h"

#include <algorithm>
#include <optional>

#include "libmail/number.h"

namespace porpoise::queue {
namespace {

constexpr const char* kFile = "submitlimits";
constexpr const char* kWanted =
    "want a uid or *, then any of connections=N messages=N octets=N hourly=N";

std::string_view next_word(std::string_view& rest) {
  constexpr std::string_view kBlanks = " \t";
  rest.remove_prefix(std::min(rest.find_first_not_of(kBlanks), rest.size()));
  const std::string_view word = rest.substr(0, rest.find_first_of(kBlanks));
  rest.remove_prefix(word.size());
  return word;
}

bool set(UidLimits& limits, std::string_view word) {
  const std::size_t equals = word.find('=');
  if (equals == std::string_view::npos) return false;
  const std::string_view name = word.substr(0, equals);
  const std::optional<std::uint64_t> value = number_in<std::uint64_t>(word.substr(equals + 1));
  if (!value) return false;
  if (name == "connections") {
    limits.connections = *value;
  } else if (name == "messages") {
    limits.messages = *value;
  } else if (name == "octets") {
    limits.octets = *value;
  } else if (name == "hourly") {
    limits.hourly = *value;
  } else {
    return false;
  }
  return true;
}

bool set_all(UidLimits& limits, std::string_view words) {
  for (std::string_view word = next_word(words); !word.empty(); word = next_word(words)) {
    if (!set(limits, word)) return false;
  }
  return true;
}

// One line. What a uid's line does not say, it has as anybody: those lines come second.
bool apply(SubmitLimits& limits, std::string_view line, bool anybody) {
  const std::string_view who = next_word(line);
  if (who == "*") return !anybody || set_all(limits.anybody, line);
  const std::optional<std::uint64_t> uid = number_in<std::uint64_t>(who);
  if (!uid || *uid >= UINT32_MAX) return false;
  UidLimits of_uid = limits.anybody;
  if (!set_all(of_uid, line)) return false;
  if (!anybody) limits.of_uid[static_cast<uid_t>(*uid)] = of_uid;
  return true;
}

}  // namespace

Result<SubmitLimits> read_submit_limits(const Control& control) {
  SubmitLimits limits;
  Result<Control::List> list = control.list(kFile);
  if (!list) return failed(list);
  for (const bool anybody : {true, false}) {
    for (std::size_t i = 0; i < list->entries.size(); ++i) {
      if (apply(limits, list->entries[i], anybody)) continue;
      return temporary("control/{} line {}: {}", kFile, list->lines[i], kWanted);
    }
  }
  Result<std::int64_t> idle = control.number_or("timeoutsubmit", limits.idle_s);
  if (!idle) return failed(idle);
  limits.idle_s = std::clamp<std::int64_t>(*idle, 1, limits.total_s);
  return limits;
}

}  // namespace porpoise::queue
