// A whole SMTP session: any octets as what a client sends. The first octet chooses the server. Held
// to:
//   - where the pieces split changes neither a reply nor a message;
//   - reply lines are CRLF-ended, at most 512 octets, of one code; a command has one reply at most;
//   - the messages queued are those answered with 250, and nothing begun is left (TestWorld);
//   - a message is a text that stands in the input between CRLFs and its end mark, as it is read by
//     a naive search, without a bare CR or LF in it;
//   - the cost is in proportion to the octets.

#include <algorithm>
#include <string>
#include <vector>

#include "fuzz/property.h"
#include "smtp/session.h"
#include "smtp/test_world.h"

namespace {

using namespace porpoise;
using namespace porpoise::fuzz;
using smtp::Refusal;

smtp::Settings settings_of(unsigned char choice) {
  smtp::Settings settings;
  settings.host = "mx.here.test";
  if (choice & 1) settings.reading = mail::SmtpReading::strict;
  if (choice & 2) settings.verify = false;
  if (!(choice & 4)) settings.default_host = "here.test";
  if (choice & 8) {
    settings.limits = {.line_octets = 200,
                       .commands = 40,
                       .errors = 5,
                       .recipients = 3,
                       .message_octets = 60,
                       .hops = 2};
  }
  return settings;
}

void hinder(smtp::TestWorld& world, unsigned char choice) {
  const Refusal no_room{452, {4, 3, 1}, "no room"};
  if (choice & 16) world.refuse_begin = no_room;
  if (choice & 32) world.refuse_commit = no_room;
  if (choice & 64) {
    world.refuse_append = no_room;
    world.refuse_append_from = 20;
  }
}

struct Told {
  std::string replies;
  std::size_t queued = 0;
  std::vector<smtp::TestWorld::Message> messages;
};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// One whole reply at most; its code, 0 for none.
int check_reply(std::string_view reply) {
  int code = 0;
  bool last = reply.empty();
  while (!reply.empty()) {
    require(!last);
    const std::size_t end = reply.find("\r\n");
    require(end != std::string_view::npos && end >= 4 && end + 2 <= 512);
    const std::string_view line = reply.substr(0, end);
    require(std::ranges::all_of(line.substr(0, 3), is_digit) && line[0] >= '2' && line[0] <= '5');
    const int its_code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
    require(code == 0 || its_code == code);
    code = its_code;
    require(is_line(line) && (line[3] == ' ' || line[3] == '-'));
    last = line[3] == ' ';
    reply.remove_prefix(end + 2);
  }
  require(last);
  return code;
}

Told run(unsigned char choice, std::string_view octets, std::size_t piece) {
  smtp::TestWorld world;
  hinder(world, choice);
  Told told;
  {
    smtp::Session session(settings_of(choice), world);
    (void)check_reply(session.greeting());
    while (!octets.empty() && !session.over()) {
      std::string reply;
      const std::string_view in = octets.substr(0, piece);
      const bool in_text = session.in_text();
      const std::size_t n = session.feed(in, reply);
      require(n > 0 && n <= in.size());
      const int code = check_reply(reply);
      require(code != 354 || session.in_text());
      if (in_text && code == 250) ++told.queued;
      require(world.messages.size() == told.queued);
      told.replies += reply;
      octets.remove_prefix(n);
    }
    if (!session.over()) require(check_reply(session.expire()) == 421 && session.over());
    require(!world.writing());
  }
  told.messages = std::move(world.messages);
  return told;
}

// The wire form that a naive client would have sent.
std::string wire_of(std::string_view stored) {
  std::string wire = "\r\n";
  bool begin = true;
  for (const char c : stored) {
    require(c != '\r');
    if (begin && c == '.') wire += '.';
    if (c == '\n') wire += '\r';
    wire += c;
    begin = c == '\n';
  }
  require(begin);
  return wire + ".\r\n";
}

// Without the dots that a line begins with, of which a client need not have doubled all.
std::string without_dots(std::string_view wire) {
  std::string text;
  for (std::size_t i = 0; i < wire.size(); ++i) {
    if (wire[i] == '.' && i > 1 && wire[i - 1] == '\n' && wire[i - 2] == '\r') continue;
    text += wire[i];
  }
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  if (size == 0) return 0;
  const unsigned char choice = data[0];
  const std::string_view octets = view_of(data + 1, size - 1);
  const Told whole = [&] {
    const Cost cost(octets.size(), 20);
    return run(choice, octets, octets.size());
  }();
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}}) {
    const Told pieces = run(choice, octets, piece);
    require(pieces.replies == whole.replies && pieces.messages.size() == whole.messages.size());
    for (std::size_t i = 0; i < whole.messages.size(); ++i) {
      const auto &a = pieces.messages[i], &b = whole.messages[i];
      require(a.text == b.text && a.envelope.sender == b.envelope.sender);
      require(a.envelope.recipients.size() == b.envelope.recipients.size());
      require(a.trace.helo == b.trace.helo && a.trace.protocol == b.trace.protocol);
    }
  }
  const std::string input = without_dots(octets);
  for (const auto& message : whole.messages) {
    require(input.find(without_dots(wire_of(message.text))) != std::string::npos);
    require(mail::encode(message.envelope).has_value() && is_line(message.trace.helo));
  }
  return 0;
}
