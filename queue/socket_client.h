// The way in for whoever does not own the queue: over run/submit, to the serving side (door.h).

#pragma once

#include <memory>

#include "queue/submit.h"

namespace porpoise::queue {

/// How long a submission looks for somebody who serves, and comes again where too much is going
/// on, before it gives up; and how long it waits for the other side to take or say anything.
inline constexpr std::int64_t kConnectPatienceMs = 5000;
inline constexpr int kPeerPatienceS = 600;

/// Begins one. Up to 64 KiB are held here and sent in one piece with the commit, so that a message
/// that is still being typed holds no connection; what is larger is streamed.
///
/// Root, where nobody listens, is served by a child of its own that becomes the queue's owner.
/// Others: code 56 where the message was not handed over (nothing is queued); 74 where it was and
/// no answer came: it may be queued, and who tries again may make a duplicate.
SubmitResult<std::unique_ptr<Submission>> begin_over_socket(const Instance& instance,
                                                            const SubmitOptions& options);

}  // namespace porpoise::queue
