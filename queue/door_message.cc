// One message at the door: from the hello to the answer.

#include <fcntl.h>
#include <new>
#include <sys/socket.h>
#include <unistd.h>

#include "posix/clock.h"
#include "posix/file.h"
#include "queue/door.h"
#include "queue/spool.h"

namespace porpoise::queue {
namespace {

constexpr std::size_t kRoom = 65536;  // content in memory, then it is written
constexpr std::size_t kSmallEnvelope =
    std::size_t{256} * 1024;  // more of it is work for a large job

// What a Received line says is vouched for: where the client is nobody we know, it says its uid.
SubmitOptions options_of(const Hello& hello, uid_t uid, bool own) {
  SubmitOptions options{.received_note = own ? hello.received_note : "",
                        .received = hello.received};
  if (options.received && !own) {
    options.received->by += fmt::format(" (handed in by uid {})", uid);
  }
  return options;
}

Answer answer_of(const SubmitError& error) {
  return {.code = error.code, .text = error.error.text, .sys = error.error.sys};
}

Answer answer_of(const SubmitResult<Id>& result) {
  return result ? Answer{.id = result->text()} : answer_of(result.error());
}

Answer over_limit(std::string text) {
  return {
      .code = static_cast<int>(Code::refused_for_now), .text = std::move(text), .try_again = true};
}

}  // namespace

void Door::process(Connection& connection, std::string_view in) {
  for (;;) {
    const FrameReader::Step step = connection.reader.next(in);
    in.remove_prefix(step.taken);
    switch (step.what) {
      case FrameReader::What::hello:
        if (!begin_message(connection)) return;
        break;
      case FrameReader::What::content:
        if (!take_content(connection, step.content)) return;
        if (connection.room.size() < kRoom) break;
        if (!settle_memory(connection, in.size())) return;
        connection.input = in;
        return write_on(connection);
      case FrameReader::What::commit:
        return commit(connection);
      case FrameReader::What::fault:
        return refuse(connection, {.code = static_cast<int>(connection.reader.fault().code),
                                   .text = connection.reader.fault().text});
      case FrameReader::What::more:
        if (settle_memory(connection, 0)) arm(connection);
        return;
    }
  }
}

bool Door::begin_message(Connection& connection) {
  const uid_t uid = connection.uid;
  if (const auto refusal = usage_.begin_message(uid, posix::running_us())) {
    refuse(connection, over_limit(*refusal));
    look_for(uid);
    return false;
  }
  connection.begun = true;
  connection.options = options_of(connection.reader.hello(), uid, usage_.is_own(uid));
  return true;
}

bool Door::take_content(Connection& connection, std::string_view content) {
  if (const auto refusal = usage_.add_octets(connection.uid, content.size())) {
    const uid_t uid = connection.uid;
    refuse(connection, over_limit(*refusal));
    look_for(uid);
    return false;
  }
  connection.octets += content.size();
  connection.room += content;
  return true;
}

// Counts what it holds in memory now, `input` of it being about to be kept.
bool Door::settle_memory(Connection& connection, std::size_t input) {
  const std::size_t held = connection.room.size() + connection.reader.envelope_octets() + input;
  if (held <= connection.memory) {
    usage_.take_memory(connection.uid, connection.memory - held);
  } else if (const auto refusal = usage_.add_memory(connection.uid, held - connection.memory)) {
    refuse(connection, over_limit(*refusal));
    return false;
  }
  connection.memory = held;
  return true;
}

// ---- jobs: between posting one and its end the connection is the job's alone

void Door::write_on(Connection& connection) {
  connection.working = true;
  pool_.add(connection.uid, Pool::Size::large, [this, &connection] {
    SubmitResult<> done = add(connection, std::exchange(connection.room, {}));
    post([this, number = connection.number, done = std::move(done)] { written(number, done); });
  });
}

SubmitResult<> Door::add(Connection& connection, std::string_view room) try {
  if (!connection.message) {
    connection.message = std::make_unique<NewMessage>(folders_, connection.options, connection.uid);
    if (SubmitResult<> done = connection.message->start(); !done) return done;
  }
  return connection.message->write(room);
} catch (const std::bad_alloc&) {
  return failure(Code::memory, "out of memory");
}

void Door::written(std::uint64_t number, const SubmitResult<>& done) {
  Connection& connection = *connections_.at(number);
  connection.working = false;
  if (!done) return refuse(connection, answer_of(done.error()));
  if (stopping_) return refuse(connection, over_limit("queue is being stopped"));
  connection.progress_us = posix::running_us();
  const std::string input = std::exchange(connection.input, {});
  process(connection, input);
}

void Door::commit(Connection& connection) {
  connection.working = true;
  std::string envelope = connection.reader.take_envelope();
  const bool small = !connection.message && envelope.size() <= kSmallEnvelope;
  pool_.add(
      connection.uid, small ? Pool::Size::small : Pool::Size::large,
      [this, &connection, envelope = std::move(envelope)] {
        const SubmitResult<Id> id = put(connection, connection.room, envelope);
        // Queued, whatever becomes of this: send looks at the folder when it starts.
        if (id) (void)pull_trigger(instance_, *id);
        const std::string frame = encode(answer_of(id));
        (void)::send(connection.socket.get(), frame.data(), frame.size(),
                     MSG_NOSIGNAL | MSG_DONTWAIT);
        post([this, number = connection.number, queued = id ? std::optional(*id) : std::nullopt] {
          committed(number, queued);
        });
      });
}

// Two barriers: the message's own, and the one of the moment.
SubmitResult<Id> Door::put(Connection& connection, std::string_view room,
                           std::string_view envelope) try {
  std::unique_lock one_at_a_time(large_envelope_, std::defer_lock);
  if (envelope.size() > kSmallEnvelope) one_at_a_time.lock();
  SubmitResult<> done = add(connection, room);
  if (done) {
    const SharedSync::Ticket ticket = incoming_.enter();
    done = connection.message->finish(envelope, [&] { return incoming_.sync(ticket); });
  }
  if (!done) return tl::make_unexpected(std::move(done.error()));
  return connection.message->id();
} catch (const std::bad_alloc&) {
  return failure(Code::memory, "out of memory");
}

void Door::committed(std::uint64_t number, const std::optional<Id>& id) {
  Connection& connection = *connections_.at(number);
  connection.begun = false;
  connection.message.reset();
  usage_.end_message(connection.uid, connection.octets, id);
  const uid_t uid = connection.uid;
  drop(connection);
  look_for(uid);
}

// Which of this uid's messages have left the queue, where that is worth asking.
void Door::look_for(uid_t uid) {
  std::vector<Usage::Stored> asked = usage_.to_look_for(uid, posix::running_us());
  if (asked.empty()) return;
  pool_.add(uid, Pool::Size::large, [this, uid, asked = std::move(asked)]() mutable {
    std::erase_if(asked, [this](const Usage::Stored& stored) {
      const std::string name = stored.id.text();
      return ::faccessat(folders_.incoming.get(), name.c_str(), F_OK, 0) != 0 &&
             ::faccessat(deferred_.get(), (stored.id.folder() + "/" + name).c_str(), F_OK, 0) != 0;
    });
    post([this, uid, asked = std::move(asked)] { usage_.looked_for(uid, asked); });
  });
}

}  // namespace porpoise::queue
