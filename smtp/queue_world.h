// The world of a real session: recipients by the resolver, messages into the queue.

#pragma once

#include <memory>
#include <optional>
#include <string>

#include "instance/instance.h"
#include "instance/recipients.h"
#include "queue/submit.h"
#include "smtp/own_addresses.h"
#include "smtp/world.h"

namespace porpoise::smtp {

struct Client {
  std::string note{};  ///< what we know of it: "uid 1000", "[192.0.2.1]"
  bool relay = false;  ///< mail for other hosts is taken, where the instance can send it
};

/// What goes wrong is told to the client in general words, and on standard error in particular.
class QueueWorld : public World {
 public:
  /// The instance must outlive it. `host`: our name. `ip_host` stands for our address literals.
  QueueWorld(const Instance& instance, Client client, std::string host, std::string ip_host)
      : instance_(instance),
        client_(std::move(client)),
        host_(std::move(host)),
        ip_host_(std::move(ip_host)) {}

  Taken<Checked> check(const std::string& address) override;
  Taken<> begin(const Trace& trace) override;
  Taken<> append(std::string_view text) override;
  Taken<std::string> commit(const mail::Envelope& envelope) override;
  void abandon() override { submission_.reset(); }

  /// Whether a message was queued since this was asked last.
  bool took_new() { return std::exchange(new_, false); }

 private:
  std::string without_own_literal(const std::string& address);
  Taken<> load();

  const Instance& instance_;
  Client client_;
  std::string host_, ip_host_;
  std::optional<OwnAddresses> own_;
  std::optional<Recipients> recipients_;
  std::unique_ptr<queue::Submission> submission_;
  bool new_ = false;
};

/// A program named by QMAILQUEUE takes the messages: whom it delivers to is not ours to know.
bool foreign_queue();

/// What the client is told of a message that the queue did not take.
Refusal refusal_of(const queue::SubmitError& error);

}  // namespace porpoise::smtp
