#include "smtp/run.h"

#include <algorithm>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "instance/control.h"
#include "libmail/smtp_reply.h"
#include "posix/file.h"
#include "smtp/queue_world.h"

namespace porpoise::smtp {
namespace {

// The address of a TCP client; "" for any other kind of standard input.
std::string tcp_peer() {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  if (::getpeername(STDIN_FILENO, reinterpret_cast<sockaddr*>(&peer), &size) != 0) return "";
  const auto* four = reinterpret_cast<const sockaddr_in*>(&peer);
  const auto* six = reinterpret_cast<const sockaddr_in6*>(&peer);
  if (peer.ss_family == AF_INET) {
    return print_literal({reinterpret_cast<const char*>(&four->sin_addr), 4});
  }
  if (peer.ss_family != AF_INET6) return "";
  const std::string literal = print_literal({reinterpret_cast<const char*>(&six->sin6_addr), 16});
  return print_literal(literal_octets(literal));  // ::ffff:192.0.2.1 as 192.0.2.1
}

Client client() {
  const std::string peer = tcp_peer();
  if (peer.empty()) return {fmt::format("uid {}", ::getuid()), true};
  return {peer, ::secure_getenv("RELAYCLIENT") != nullptr};
}

Result<Instance> find_instance(const StdioRequest& request) {
  Result<Instance> instance = Instance::find(request.instance);
  if (!instance || foreign_queue()) return instance;
  Result<> own = instance->require_submitter();
  if (!own) return failed(own);
  return instance;
}

struct Configured {
  Settings settings;
  std::string ip_host;
};

Result<Configured> configure(const Instance& instance) {
  const Control control(instance.folder());
  Configured made;
  Settings& settings = made.settings;
  const std::pair<const char*, std::string*> hosts[] = {{"me", &settings.host},
                                                        {"defaulthost", &settings.default_host},
                                                        {"localiphost", &made.ip_host}};
  for (const auto& [file, value] : hosts) {
    Result<std::string> line = control.line_or_me(file);
    if (!line) return failed(line);
    *value = std::move(*line);
  }
  Limits& limits = settings.limits;
  Result<std::int64_t> octets = control.number_or("databytes", 0);
  if (!octets) return failed(octets);
  limits.message_octets = static_cast<std::uint64_t>(std::max<std::int64_t>(0, *octets));
  Result<std::int64_t> recipients =
      control.number_or("maxrecipients", static_cast<std::int64_t>(limits.recipients));
  if (!recipients) return failed(recipients);
  limits.recipients = static_cast<std::size_t>(std::max<std::int64_t>(1, *recipients));
  Result<std::int64_t> idle = control.number_or("timeoutsmtpd", limits.idle.count());
  if (!idle) return failed(idle);
  limits.idle = std::chrono::seconds(std::clamp<std::int64_t>(*idle, 1, limits.session.count()));
  return made;
}

Result<Ending> serve_in(const Instance& instance, const StdioRequest& request) {
  Result<Configured> configured = configure(instance);
  if (!configured) return failed(configured);
  const Settings& settings = configured->settings;
  Result<Connection> connection = Connection::make(STDIN_FILENO, STDOUT_FILENO);
  if (!connection) return failed(connection);
  QueueWorld world(instance, client(), settings.host, configured->ip_host);
  Session session(settings, world);
  const auto start_send = [&] {
    if (world.took_new() && request.start_send) queue::start_send_if_nobody_listens(instance);
  };
  const Ending ending = serve(session, *connection, settings.limits, start_send);
  start_send();
  return ending;
}

}  // namespace

Result<Ending> serve_stdio(const StdioRequest& request) {
  Result<Instance> instance = find_instance(request);
  Result<Ending> ending = instance ? serve_in(*instance, request) : failed(instance);
  if (!ending) {
    (void)posix::write_all(
        STDOUT_FILENO, mail::print_reply(421, std::nullopt, "there is no mail service here now"),
        "standard output");
  }
  return ending;
}

}  // namespace porpoise::smtp
