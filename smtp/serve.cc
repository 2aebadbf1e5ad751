#include "smtp/serve.h"

#include <algorithm>

#include "posix/clock.h"

namespace porpoise::smtp {
namespace {

constexpr std::size_t kSendOctets = 65536;  // replies are kept together up to here

std::int64_t us(std::chrono::seconds time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time).count();
}

class Server {
 public:
  Server(Session& session, Connection& client, const Limits& limits)
      : session_(session),
        client_(client),
        limits_(limits),
        last_us_(posix::running_us() + us(limits.session)) {}

  Ending run(const std::function<void()>& dry) {
    client_.put(session_.greeting());
    for (;;) {
      if (!client_.flush(limits_.idle)) return Ending::not_sent;
      dry();
      switch (client_.read(std::min(posix::running_us() + us(limits_.idle), last_us_))) {
        case Connection::Read::octets:
          break;
        case Connection::Read::end:
          return session_.in_text() ? Ending::within_a_text : Ending::end_of_input;
        case Connection::Read::too_late:
          return farewell(session_.expire(), Ending::too_late);
        case Connection::Read::told:
          return farewell(session_.shut_down(), Ending::told);
      }
      take(client_.octets());
      if (session_.over()) return farewell("", Ending::closed);
    }
  }

 private:
  void take(std::string_view octets) {
    while (!octets.empty() && !session_.over() && client_.good()) {
      replies_.clear();
      octets.remove_prefix(session_.feed(octets, replies_));
      client_.put(replies_);
      if (session_.urgent() || client_.waiting() >= kSendOctets) (void)client_.flush(limits_.idle);
    }
  }

  Ending farewell(const std::string& text, Ending ending) {
    client_.put(text);
    return client_.flush(limits_.idle) ? ending : Ending::not_sent;
  }

  Session& session_;
  Connection& client_;
  const Limits& limits_;
  std::int64_t last_us_;
  std::string replies_;
};

}  // namespace

Ending serve(Session& session, Connection& client, const Limits& limits,
             const std::function<void()>& dry) {
  return Server(session, client, limits).run(dry);
}

}  // namespace porpoise::smtp
