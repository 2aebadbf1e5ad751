#include "pop3d/serve.h"

#include <cerrno>

#include "libmail/line_reader.h"
#include "libmail/wire_text.h"
#include "pop3d/replies.h"
#include "posix/clock.h"
#include "posix/file.h"
#include "posix/program.h"
#include "posix/sandbox.h"

namespace porpoise::pop3d {
namespace {

constexpr std::size_t kReadOctets = 65536;

class Server {
 public:
  Server(Connection& client, Mailbox& mailbox, const Limits& limits)
      : client_(client), mailbox_(mailbox), session_(mailbox.entries(), limits), limits_(limits) {}

  bool run() {
    client_.put(session_.greeting());
    mail::LineReader line(limits_.line_octets, mail::LineEnd::crlf_or_lf);
    while (client_.read_line(line)) {
      Step step = line.too_long() ? session_.line_too_long() : session_.command(line.text());
      line.clear();
      if (!carry_out(std::move(step))) return ended_;
    }
    return false;
  }

 private:
  // Whether the session goes on.
  bool carry_out(Step step) {
    for (;;) {
      client_.put(step.text);
      if (!client_.good()) return false;
      switch (step.act) {
        case Act::reply:
          return true;
        case Act::close:
          ended_ = true;
          return false;
        case Act::more:
          step = session_.resume();
          break;
        case Act::measure:
          step = session_.resume(measure(step));
          break;
        case Act::open:
          step = session_.resume(open(step.first));
          break;
        case Act::send:
          if (!send(step)) return false;
          step = session_.resume();
          break;
        case Act::commit:
          // What was asked before QUIT reaches the client before anything is removed.
          if (!client_.flush()) return false;
          step = commit();
          break;
      }
    }
  }

  Outcome measure(const Step& step) {
    for (std::size_t n = step.first; n <= step.last; ++n) {
      if (!session_.needs_size(n)) continue;
      const Result<std::uint64_t> octets = mailbox_.measure(n);
      if (!octets && octets.error().fate == Fate::temporary) {
        posix::complain("pop3d", octets.error().text);
        return Outcome::trouble;
      }
      session_.learn(n, octets ? std::optional(*octets) : std::nullopt);
    }
    return Outcome::good;
  }

  Outcome open(std::size_t number) {
    Result<posix::UniqueFd> fd = mailbox_.open_message(number);
    if (!fd) return fd.error().fate == Fate::temporary ? Outcome::trouble : Outcome::gone;
    message_ = std::move(*fd);
    return Outcome::good;
  }

  // False: the connection must end here, since the client would take what it has for the whole.
  bool send(const Step& step) {
    mail::WireText wire;
    mail::TopLimit top(step.lines.value_or(UINT64_MAX));
    std::string room(kReadOctets, '\0'), text;
    while (!top.reached() && client_.good()) {
      Result<std::size_t> n = posix::read_some(message_.get(), room, "a message");
      if (!n) {
        posix::complain("pop3d", n.error().text);
        return false;
      }
      if (*n == 0) break;
      std::string_view piece = std::string_view(room).substr(0, *n);
      if (step.lines) piece = piece.substr(0, top.take(piece));
      text.clear();
      wire.encode(piece, text);
      client_.put(text);
    }
    text.clear();
    wire.finish(&text);
    client_.put(text + ".\r\n");
    message_.reset();
    if (!step.lines) session_.learn(step.first, wire.octets());
    return client_.good();
  }

  Step commit() {
    const Mailbox::Committed done = mailbox_.commit(session_.entries());
    return session_.resume(done.durable ? Outcome::good : Outcome::trouble, done.failures);
  }

  Connection& client_;
  Mailbox& mailbox_;
  Session session_;
  Limits limits_;
  posix::UniqueFd message_;
  bool ended_ = false;
};

Result<> keep_only(const std::string& maildir) {
  using Access = posix::Sandbox::Access;
  Result<posix::Confined> done =
      posix::confine({.places = {{.path = maildir, .access = Access::write}}});
  if (!done) return failed(done);
  return {};
}

std::string_view refusal(const Error& error) {
  if (error.sys == EBUSY) return kInUse;
  if (error.fate == Fate::temporary) {
    return "-ERR [SYS/TEMP] this mailbox cannot be opened now\r\n";
  }
  return "-ERR [SYS/PERM] there is no mailbox here\r\n";
}

}  // namespace

bool serve(Connection& client, Mailbox& mailbox, const Limits& limits) {
  return Server(client, mailbox, limits).run();
}

void run_pop3d(const std::string& path, int in, int out, const Limits& limits, bool confined) {
  keep_alive(in);
  Connection client(in, out, limits.idle, Connection::ReadAhead::yes);
  bool ended = true;
  {
    Result<Mailbox> mailbox = Mailbox::open(path);
    if (mailbox && confined) {
      if (Result<> done = keep_only(path); !done) mailbox = tl::make_unexpected(done.error());
    }
    if (mailbox) {
      mailbox->sweep_tmp(posix::wall_us() / 1'000'000);
      ended = serve(client, *mailbox, limits);
    } else {
      posix::complain("pop3d", mailbox.error().text);
      client.put(refusal(mailbox.error()));
    }
  }
  // The mailbox is free: who reads the last reply may log in again at once.
  if (ended) client.finish();
}

}  // namespace porpoise::pop3d
