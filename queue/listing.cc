#include "queue/listing.h"

#include <algorithm>

#include "libmail/date.h"

namespace porpoise::queue {
namespace {

using Status = State::Status;

// On one line; the line end that most reports have is no part of it.
std::string shown(std::string_view text) {
  std::string clean(text.substr(0, text.find_last_not_of('\n') + 1));
  for (char& c : clean) {
    if (static_cast<unsigned char>(c) < 32 || static_cast<unsigned char>(c) > 126) c = '_';
  }
  return clean;
}

// "21 Nov 2026 04:16:12 GMT"
std::string date_of(std::int64_t wall_us) {
  std::string date = mail::print_date(wall_us / 1'000'000);
  return date.substr(0, date.rfind(' ')) + " GMT";
}

const char* channel_of(const std::string& address, const Router* router) {
  if (router == nullptr) return "local";
  return router->route(address).channel == Route::Channel::local ? "local" : "remote";
}

const char* word_of(Status status) {
  switch (status) {
    case Status::waiting:
      return "waiting";
    case Status::delivered:
      return "delivered";
    case Status::failed:
      return "failed";
    case Status::cancelled:
      return "cancelled";
  }
  return "";
}

std::string recipient_lines(const File& file, std::size_t i, const char* channel) {
  const State& state = file.state();
  const State::OfRecipient& r = state.recipients[i];
  std::string lines = fmt::format("{}\t{}\t{}\n", r.status == Status::waiting ? "" : "  done",
                                  channel, shown(file.meta().envelope.recipients[i].address));
  if (r.status != Status::waiting || r.attempts == 0) return lines;
  lines += fmt::format("\t\tattempt {} at {}: {}", r.attempts, date_of(r.last_us), shown(r.text));
  if (state.held) {
    lines += "; held";
  } else if (state.next_us != 0) {
    lines += fmt::format("; next try {}", date_of(state.next_us));
  }
  return lines + "\n";
}

// The length of the UTF-8 sequence `text` begins with (RFC 3629), 0 where it is none.
std::size_t utf8_length(std::string_view text) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = at(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xc2 && first <= 0xdf   ? 2
                             : first >= 0xe0 && first <= 0xef ? 3
                             : first >= 0xf0 && first <= 0xf4 ? 4
                                                              : 0;
  if (length == 0 || text.size() < length) return 0;
  // The second octet's range rules out overlong forms, surrogates and what is past U+10FFFF.
  const unsigned char low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  const unsigned char high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  if (at(1) < low || at(1) > high) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if ((at(i) & 0xc0) != 0x80) return 0;
  }
  return length;
}

std::string recipient_json(const File& file, std::size_t i, const char* channel) {
  const State::OfRecipient& r = file.state().recipients[i];
  std::string json = fmt::format(R"({{"address":{},"channel":"{}","status":"{}","attempts":{})",
                                 json_string(file.meta().envelope.recipients[i].address), channel,
                                 word_of(r.status), r.attempts);
  if (r.last_us != 0) json += fmt::format(R"(,"last_us":{})", r.last_us);
  if (!r.text.empty()) json += fmt::format(R"(,"text":{})", json_string(r.text));
  return json + "}";
}

}  // namespace

std::string list_text(const File& file, const Router* router) {
  const Meta& meta = file.meta();
  std::string text =
      fmt::format("{}  #{}  {}  <{}> {}\n", date_of(meta.arrival_us), file.header().id.text(),
                  file.header().content_octets, shown(meta.envelope.sender),
                  file.state().open_intents.empty() ? "" : " bouncing");
  for (const char* channel : {"local", "remote"}) {
    for (std::size_t i = 0; i < meta.envelope.recipients.size(); ++i) {
      const std::string_view its = channel_of(meta.envelope.recipients[i].address, router);
      if (its == channel) text += recipient_lines(file, i, channel);
    }
  }
  return text;
}

std::string list_json(const File& file, Place place, const Router* router) {
  const Meta& meta = file.meta();
  const State& state = file.state();
  std::string json = fmt::format(
      R"({{"id":"{}","place":"{}","arrival_us":{},"octets":{},"uid":{},"sender":{},)"
      R"("attempts":{},"next_us":{},"held":{},"bouncing":{},)",
      file.header().id.text(), place == Place::incoming ? "incoming" : "deferred", meta.arrival_us,
      file.header().content_octets, meta.uid, json_string(meta.envelope.sender), state.attempts,
      state.next_us, state.held, !state.open_intents.empty());
  if (meta.notice_about) {
    json += fmt::format(R"("notice_about":"{}",)", meta.notice_about->text());
  }
  json += R"("recipients":[)";
  for (std::size_t i = 0; i < meta.envelope.recipients.size(); ++i) {
    if (i > 0) json += ',';
    json += recipient_json(file, i, channel_of(meta.envelope.recipients[i].address, router));
  }
  return json + "]}\n";
}

std::string json_string(std::string_view text) {
  std::string json = "\"";
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const char c = text[0];
    if (length == 0) {
      json += "\\ufffd";
    } else if (c == '"' || c == '\\') {
      json += {'\\', c};
    } else if (length == 1 && (c < 32 || c == 127)) {
      json += fmt::format("\\u{:04x}", static_cast<int>(c));
    } else {
      json += text.substr(0, length);
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return json + '"';
}

Result<std::vector<Id>> all_ids(const Spool& spool) {
  std::vector<Id> ids;
  const auto add = [&](const Id& id) { ids.push_back(id); };
  // In this order a message that moves meanwhile is seen twice, but never missed.
  for (const Place place : {Place::incoming, Place::deferred}) {
    if (Result<> done = spool.for_each(place, add); !done) return failed(done);
  }
  std::ranges::sort(ids);
  const auto rest = std::ranges::unique(ids);
  ids.erase(rest.begin(), rest.end());
  return ids;
}

}  // namespace porpoise::queue
