#include "libmail/envelope.h"

#include <algorithm>
#include <cassert>

namespace porpoise::mail {
namespace {

constexpr char kNul = '\0';

Result<> add_field(std::string& octets, char letter, std::string_view text, const char* what) {
  if (text.find(kNul) != std::string_view::npos) return permanent("{} holds a NUL", what);
  octets += letter;
  octets += text;
  octets += kNul;
  return {};
}

Result<> add_parameters(std::string& octets, char letter, const Parameters& parameters) {
  for (const auto& [name, value] : parameters) {
    if (name.empty() || name.find('=') != std::string::npos) {
      return permanent("envelope parameter \"{}\": not a name", name);
    }
    Result<> done =
        add_field(octets, letter, fmt::format("{}={}", name, value), "envelope parameter");
    if (!done) return done;
  }
  return {};
}

}  // namespace

Result<std::string> encode(const Envelope& envelope, bool with_parameters) {
  std::string octets;
  Result<> done = add_field(octets, 'F', envelope.sender, "sender address");
  if (done && with_parameters) done = add_parameters(octets, 'P', envelope.parameters);
  for (const Recipient& recipient : envelope.recipients) {
    if (done) done = add_field(octets, 'T', recipient.address, "recipient address");
    if (done && with_parameters) done = add_parameters(octets, 'R', recipient.parameters);
  }
  if (!done) return failed(done);
  octets += kNul;
  return octets;
}

std::size_t EnvelopeDecoder::feed(std::string_view in) {
  std::size_t taken = 0;
  while (taken < in.size() && !done_ && fault_ == Fault::none) {
    if (record_.empty()) {
      if (!begins_well(in[taken])) break;
      ++total_;
      if (in[taken] == kNul) {
        done_ = true;
      } else {
        record_ += in[taken];
      }
      ++taken;
      continue;
    }
    const std::string_view rest = in.substr(taken);
    const std::size_t end = std::min(rest.find(kNul), rest.size());
    const bool parameter = record_[0] == 'P' || record_[0] == 'R';
    const std::size_t most = parameter ? limits_.parameter_octets : limits_.address_octets;
    if (end > most - (record_.size() - 1)) {
      fail(Fault::too_long, parameter ? "parameter too long" : "address too long");
    } else if (end > limits_.total_octets - std::min(total_, limits_.total_octets)) {
      fail(Fault::too_large, "envelope too large");
    } else {
      record_ += rest.substr(0, end);
      taken += end;
      total_ += end;
      if (end == rest.size()) break;
      end_record();
      if (fault_ == Fault::none) ++taken;
      ++total_;
    }
  }
  return taken;
}

// Whether a record may begin with `letter` here; NUL ends the envelope.
bool EnvelopeDecoder::begins_well(char letter) {
  const bool any_recipient = !envelope_.recipients.empty();
  bool placed = false;
  switch (letter) {
    case 'F':
      placed = records_ == 0;
      break;
    case 'P':
      placed = records_ > 0 && !any_recipient;
      break;
    case 'R':
      placed = any_recipient;
      break;
    case 'T':
    case kNul:
      placed = records_ > 0;
      break;
    default:
      record_ = letter;
      fail(Fault::bad_letter, "unknown letter");
      return false;
  }
  if (!placed) {
    record_ = letter;
    fail(Fault::bad_letter, records_ == 0 ? "no sender before letter" : "misplaced letter");
  } else if (letter != kNul && records_ >= limits_.records) {
    fail(Fault::too_large, "too many records");
  } else if (total_ >= limits_.total_octets) {
    fail(Fault::too_large, "envelope too large");
  }
  return fault_ == Fault::none;
}

void EnvelopeDecoder::end_record() {
  const char letter = record_[0];
  std::string text = record_.substr(1);
  if (letter == 'F') {
    envelope_.sender = std::move(text);
  } else if (letter == 'T') {
    envelope_.recipients.push_back({std::move(text), {}});
  } else {
    const std::size_t equals = text.find('=');
    if (equals == 0 || equals == std::string::npos) {
      fail(Fault::bad_letter, "want name=value after letter");
      return;
    }
    Parameters& parameters =
        letter == 'P' ? envelope_.parameters : envelope_.recipients.back().parameters;
    parameters.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  record_.clear();
  ++records_;
}

void EnvelopeDecoder::fail(Fault fault, const char* why) {
  fault_ = fault;
  why_ = why;
}

std::string EnvelopeDecoder::fault_text() const {
  if (fault_ == Fault::none) return {};
  if (fault_ != Fault::bad_letter) return fmt::format("record {}: {}", records_ + 1, why_);
  const auto letter = static_cast<unsigned char>(record_[0]);
  if (letter > 32 && letter < 127) {
    return fmt::format("record {}: {} '{}'", records_ + 1, why_, record_[0]);
  }
  return fmt::format("record {}: {} octet {}", records_ + 1, why_, letter);
}

Envelope EnvelopeDecoder::finish() && {
  assert(done_);
  return std::move(envelope_);
}

bool wants_failure_notice(const Recipient& recipient) {
  const auto upper = [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; };
  bool without = false;
  for (const auto& [name, value] : recipient.parameters) {
    if (!std::ranges::equal(name, std::string_view("NOTIFY"), {}, upper)) continue;
    for (std::size_t at = 0; at <= value.size();) {
      const std::size_t end = std::min(value.find(',', at), value.size());
      const std::string_view word = std::string_view(value).substr(at, end - at);
      const auto is = [&](std::string_view known) {
        return std::ranges::equal(word, known, {}, upper);
      };
      if (!is("NEVER") && !is("SUCCESS") && !is("DELAY")) return true;  // FAILURE, or no sense
      without = true;
      at = end + 1;
    }
  }
  return !without;
}

std::string verp_sender(std::string_view sender, std::string_view recipient) {
  constexpr std::string_view kMark = "-@[]";
  if (!sender.ends_with(kMark)) return std::string(sender);
  const std::string_view before = sender.substr(0, sender.size() - kMark.size());
  const std::size_t inner = before.rfind('@');
  const std::size_t at = recipient.rfind('@');
  if (inner == std::string_view::npos || at == std::string_view::npos) return std::string(sender);
  return fmt::format("{}{}={}@{}", before.substr(0, inner), recipient.substr(0, at),
                     recipient.substr(at + 1), before.substr(inner + 1));
}

}  // namespace porpoise::mail
