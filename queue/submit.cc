#include "queue/submit.h"

#include <unistd.h>

#include "queue/foreign.h"
#include "queue/new_message.h"
#include "queue/socket_client.h"
#include "queue/spool.h"

namespace porpoise::queue {
namespace {

// The owner's way in: straight into a file that nobody sees before it is whole.
class Direct : public Submission {
 public:
  Direct(const Instance& instance, const SubmitOptions& options, IntakeFolders folders)
      : instance_(instance),
        trigger_(options.trigger),
        folders_(std::move(folders)),
        message_(folders_, options, ::getuid()) {}

  SubmitResult<> start() { return message_.start(); }
  SubmitResult<> write(std::string_view content) override { return message_.write(content); }
  SubmitResult<std::string> finish(const mail::Envelope& envelope) override;

 private:
  const Instance& instance_;
  bool trigger_;
  IntakeFolders folders_;
  NewMessage message_;
};

SubmitResult<std::string> Direct::finish(const mail::Envelope& envelope) {
  Result<std::string> octets = mail::encode(envelope);
  if (!octets) return failure(Code::bad_envelope, std::move(octets.error()));
  if (SubmitResult<> done = message_.finish(*octets); !done) {
    return tl::make_unexpected(std::move(done.error()));
  }
  // Queued, whatever becomes of this: send looks at the folder when it starts.
  if (trigger_) (void)pull_trigger(instance_, message_.id());
  return message_.id().text();
}

SubmitResult<std::unique_ptr<Submission>> begin_direct(const Instance& instance,
                                                       const SubmitOptions& options) {
  SubmitResult<IntakeFolders> folders = IntakeFolders::open(instance);
  if (!folders) return tl::make_unexpected(std::move(folders.error()));
  auto direct = std::make_unique<Direct>(instance, options, std::move(*folders));
  if (SubmitResult<> done = direct->start(); !done) {
    return tl::make_unexpected(std::move(done.error()));
  }
  return direct;
}

}  // namespace

SubmitResult<std::unique_ptr<Submission>> begin(const Instance& instance,
                                                const SubmitOptions& options, bool allow_foreign) {
  const std::optional<std::string> foreign = allow_foreign ? foreign_program() : std::nullopt;
  if (foreign) return begin_foreign(instance, *foreign, options);
  if (instance.is_system() && ::geteuid() != instance.owner().uid) {
    return begin_over_socket(instance, options);
  }
  if (Result<> done = instance.require_owner(); !done) {
    return failure(Code::home, std::move(done.error()));
  }
  return begin_direct(instance, options);
}

}  // namespace porpoise::queue
