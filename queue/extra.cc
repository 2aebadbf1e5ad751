#include "queue/extra.h"

#include <algorithm>

#include "instance/control.h"

namespace porpoise::queue {
namespace {

constexpr std::string_view kField = "delivered-to:";

// An address without a domain is one of this host, whatever its name.
bool is_same(std::string_view configured, std::string_view address) {
  if (configured.find('@') == std::string_view::npos)
    address = address.substr(0, address.rfind('@'));
  return ascii_equal(configured, address);
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r";
  const std::size_t from = text.find_first_not_of(kBlanks);
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(kBlanks) - from + 1);
}

}  // namespace

Result<ExtraRecipients> ExtraRecipients::load(int instance) {
  Result<Control::List> list = Control(instance).list("queueextra");
  if (!list) return failed(list);
  if (list->entries.size() > kMost) return temporary("control/queueextra: more than {}", kMost);
  ExtraRecipients extra;
  for (std::size_t i = 0; i < list->entries.size(); ++i) {
    const std::string& address = list->entries[i];
    if (address.size() > mail::EnvelopeLimits().address_octets ||
        address.find('\0') != std::string::npos) {
      return temporary("control/queueextra: line {}: no address", list->lines[i]);
    }
    extra.extras_.push_back({address});
  }
  return extra;
}

void ExtraRecipients::look_at(std::string_view content) {
  if (extras_.empty()) return;
  while (in_header_ && !content.empty()) {
    const std::size_t end = std::min(content.find('\n'), content.size());
    line_ += content.substr(0, std::min(end, kMaxLine - std::min(kMaxLine, line_.size())));
    if (end == content.size()) return;
    look_at_line(line_);
    line_.clear();
    content.remove_prefix(end + 1);
  }
}

void ExtraRecipients::look_at_line(std::string_view line) {
  if (trimmed(line).empty()) in_header_ = false;
  if (!ascii_equal(line.substr(0, kField.size()), kField)) return;
  const std::string_view address = trimmed(line.substr(kField.size()));
  for (Extra& extra : extras_) {
    if (is_same(extra.address, address)) extra.been_there = true;
  }
}

mail::Envelope ExtraRecipients::added_to(const mail::Envelope& envelope) const {
  mail::Envelope all = envelope;
  for (const Extra& extra : extras_) {
    const auto same = [&](const mail::Recipient& r) { return is_same(extra.address, r.address); };
    if (extra.been_there || std::ranges::any_of(all.recipients, same)) continue;
    all.recipients.push_back({extra.address, {{"NOTIFY", "NEVER"}}});
  }
  return all;
}

}  // namespace porpoise::queue
