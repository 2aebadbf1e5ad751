// What can be proved of a damaged file: each part of it vouches for itself.

#pragma once

#include <vector>

#include "libmail/result.h"
#include "queue/file.h"
#include "queue/record.h"

namespace porpoise::queue {

struct Salvage {
  Header header;  ///< as it must have been, where it was not whole
  Meta meta;
  std::vector<Record> records;  ///< of the log, those that are whole, in their order
};

/// Reads the file `fd` of message `id` for what is whole. A record's checksum is over the id, its
/// generation and its place, so that none of another file, or of an older one, passes: what is
/// marked as done in one was done. What lay between two of them is forgotten.
///
/// EBADMSG in Error::sys: the envelope is not whole, or the content is not what was accepted; there
/// is nothing to deliver then.
Result<Salvage> salvage(int fd, const Id& id);

/// Writes `salvage` as a whole file to `to`, its content copied from `fd`, under the next
/// generation.
Result<> write_salvaged(const Salvage& salvage, int fd, int to);

}  // namespace porpoise::queue
