// A whole POP3 session, login and mailbox, against messages in memory. The input is messages and
// then what the client sends, each ended by an octet 0xfe; the first octet says what goes wrong.
// Held to:
//   - each line gets one reply of the right form: "+OK" or "-ERR", no line longer than 512 octets,
//     and where it has more lines, they end where it ends and nowhere before;
//   - a message comes as it is stored, and with the size that LIST tells;
//   - only QUIT removes, and only what DELE marked; nothing is said after the end;
//   - the answers do not depend on where the pieces split, and cost is in proportion.

#include <algorithm>
#include <string>
#include <vector>

#include "fuzz/property.h"
#include "libmail/dot_stuffing.h"
#include "libmail/line_reader.h"
#include "libmail/wire_text.h"
#include "pop3d/login.h"
#include "pop3d/session.h"

namespace {

using namespace porpoise;
using namespace porpoise::fuzz;
using namespace porpoise::pop3d;

constexpr std::size_t kMaxMessages = 8;
constexpr std::size_t kMaxLines = 200;  // of a session: LIST of many, many times, is no news
constexpr const char* kPassword = "p";

const Limits kLimits{.bad_commands = 20, .bad_commands_before_login = 10};

struct Given {
  std::vector<std::string> messages;
  std::string client;
  bool sizes_known = false, gone = false, trouble = false, commit_fails = false,
       login_fails = false;
};

Given given(std::string_view input) {
  Given g;
  const unsigned flags = input.empty() ? 0 : static_cast<unsigned char>(input[0]);
  input.remove_prefix(std::min<std::size_t>(input.size(), 1));
  g.sizes_known = flags & 1;
  g.gone = flags & 2;
  g.trouble = flags & 4;
  g.commit_fails = flags & 8;
  g.login_fails = flags & 16;
  while (g.messages.size() < kMaxMessages) {
    const std::size_t end = input.find('\xfe');
    if (end == std::string_view::npos) break;
    g.messages.emplace_back(input.substr(0, end));
    input.remove_prefix(end + 1);
  }
  g.client = input;
  return g;
}

std::string wire_of(std::string_view message) {
  std::string out;
  mail::WireText wire;
  wire.encode(message, out);
  wire.finish(&out);
  return out;
}

std::uint64_t size_of(std::string_view message) {
  mail::WireText wire;
  wire.count(message);
  wire.finish();
  return wire.octets();
}

// Plays the caller of Login and Session.
class Play {
 public:
  explicit Play(const Given& g)
      : given_(g),
        login_("here.test", "<1.2@here.test>", true, kLimits),
        session_(entries(), kLimits) {
    said_ = login_.greeting();
    check_line(said_);
  }

  void run(std::string_view client, bool in_pieces) {
    mail::LineReader line(kLimits.line_octets, mail::LineEnd::crlf_or_lf);
    for (std::size_t lines = 0; !client.empty() && !over_ && lines < kMaxLines;) {
      const std::size_t size =
          in_pieces ? 1 + static_cast<unsigned char>(client[0]) % 9 : client.size();
      client.remove_prefix(line.feed(client.substr(0, size)));
      if (!line.complete()) continue;
      ++lines;
      one_line(line);
      line.clear();
    }
    if (!committed_) require(removed_.empty());
  }

  const std::string& said() const { return said_; }

 private:
  std::vector<Entry> entries() const {
    std::vector<Entry> all;
    for (std::size_t i = 0; i < given_.messages.size(); ++i) {
      Entry& entry = all.emplace_back();
      entry.uid = "uid" + std::to_string(i);
      if (given_.sizes_known) entry.size = size_of(given_.messages[i]);
    }
    return all;
  }

  void one_line(const mail::LineReader& line) {
    if (!in_session_) {
      LoginStep step = line.too_long() ? login_.line_too_long() : login_.command(line.text());
      if (step.act == LoginStep::Act::check) {
        require(!login_.name().empty() && !step.secret.empty());
        require(step.secret.find('\0') == std::string::npos);
        in_session_ = step.secret == kPassword && !given_.login_fails;
        const std::string greeting = session_.greeting();
        step = in_session_ ? LoginStep{.text = greeting} : login_.checked(Check::wrong);
      }
      over_ = step.act == LoginStep::Act::close;
      return check_reply(step.text, line.text());
    }
    text_.clear();
    carry_out(line.too_long() ? session_.line_too_long() : session_.command(line.text()));
    check_reply(text_, line.text());
  }

  void carry_out(Step step) {
    for (std::size_t acts = 0;; ++acts) {
      require(acts < 10 && !over_);
      text_ += step.text;
      switch (step.act) {
        case Act::reply:
          return;
        case Act::close:
          over_ = true;
          return;
        case Act::more:
          step = session_.resume();
          break;
        case Act::measure:
          step = session_.resume(measure(step));
          break;
        case Act::open:
          require(step.first >= 1 && step.first <= given_.messages.size());
          step = session_.resume(given_.trouble ? Outcome::trouble : opened(step.first));
          break;
        case Act::send:
          send(step);
          step = session_.resume();
          break;
        case Act::commit:
          require(!committed_);
          committed_ = true;
          for (const Entry& entry : session_.entries()) {
            if (entry.deleted) removed_.push_back(entry.uid);
          }
          step = session_.resume(given_.commit_fails ? Outcome::trouble : Outcome::good);
          break;
      }
    }
  }

  // The last message is the one that somebody else removed.
  Outcome opened(std::size_t number) const {
    return given_.gone && number == given_.messages.size() ? Outcome::gone : Outcome::good;
  }

  Outcome measure(const Step& step) {
    if (given_.trouble) return Outcome::trouble;
    for (std::size_t n = step.first; n <= step.last; ++n) {
      if (!session_.needs_size(n)) continue;
      if (opened(n) == Outcome::gone) {
        session_.learn(n, std::nullopt);
      } else {
        session_.learn(n, size_of(given_.messages[n - 1]));
      }
    }
    return Outcome::good;
  }

  void send(const Step& step) {
    const std::string& message = given_.messages[step.first - 1];
    mail::TopLimit top(step.lines.value_or(UINT64_MAX));
    const std::size_t size = step.lines ? top.take(message) : message.size();
    const std::string_view part = std::string_view(message).substr(0, size);
    const std::string wire = wire_of(part);
    text_ += wire;
    text_ += mail::kEndOfText;
    if (!step.lines) session_.learn(step.first, size_of(message));
    // What the client reads is what is stored, and as long as LIST says.
    mail::DotReader reader;
    std::string stored;
    require(reader.feed(wire + std::string(mail::kEndOfText), stored) == wire.size() + 3);
    require(reader.done() && reader.octets() == size_of(part));
    if (part.find('\r') == std::string_view::npos) {
      const bool ended = part.empty() || part.ends_with('\n');
      require(stored == std::string(part) + (ended ? "" : "\n"));
    }
  }

  void check_line(std::string_view line) const {
    require(line.ends_with("\r\n") && line.size() <= 512);
    require(line.starts_with("+OK") || line.starts_with("-ERR"));
    require(line.find_first_of(std::string_view("\r\n\0", 3)) == line.size() - 2);
  }

  // Exactly one reply to `command`.
  void check_reply(std::string_view reply, std::string_view command) {
    said_ += reply;
    const std::size_t end = reply.find('\n');
    require(end != std::string_view::npos);
    check_line(reply.substr(0, end + 1));
    const std::string_view rest = reply.substr(end + 1);
    if (rest.empty()) return;
    require(reply.starts_with("+OK"));
    const mail::Pop3Verb verb = mail::parse_pop3_command(command).verb;
    require(verb == mail::Pop3Verb::list || verb == mail::Pop3Verb::uidl ||
            verb == mail::Pop3Verb::retr || verb == mail::Pop3Verb::top ||
            verb == mail::Pop3Verb::capa);
    mail::DotReader reader;
    std::string ignored;
    require(reader.feed(rest, ignored) == rest.size() && reader.done());
  }

  const Given& given_;
  Login login_;
  Session session_;
  std::string said_, text_;
  std::vector<std::string> removed_;
  bool in_session_ = false, over_ = false, committed_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const Given g = given(view_of(data, size));
  Play whole(g), pieces(g);
  {
    // Each line may be a RETR of the longest message.
    std::size_t longest = 100;
    for (const std::string& message : g.messages) longest = std::max(longest, message.size());
    const auto lines = static_cast<std::size_t>(std::ranges::count(g.client, '\n'));
    const Cost cost(g.client.size() + std::min(lines, kMaxLines) * longest, 20);
    whole.run(g.client, false);
  }
  pieces.run(g.client, true);
  require(whole.said() == pieces.said());
  return 0;
}
