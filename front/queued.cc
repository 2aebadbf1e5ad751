#include "front/queued.h"

#include <cerrno>

#include "queue/spool.h"

namespace porpoise::front {

Result<std::size_t> count_messages(const Instance& instance) {
  Result<queue::Spool> spool = queue::Spool::open(instance);
  if (!spool) return failed(spool);
  std::size_t count = 0;
  for (const queue::Place place : {queue::Place::incoming, queue::Place::deferred}) {
    Result<> read = spool->for_each(place, [&](const queue::Id&) { ++count; });
    if (!read) return failed(read);
  }
  return count;
}

Result<std::vector<queue::Id>> parse_ids(const std::vector<std::string>& texts) {
  std::vector<queue::Id> ids;
  for (const std::string& text : texts) {
    const std::optional<queue::Id> id = queue::Id::parse(text);
    if (!id) return permanent("{}: no message id (qread shows them)", text);
    ids.push_back(*id);
  }
  return ids;
}

Result<> check_queued(const Instance& instance, const std::vector<queue::Id>& ids) {
  Result<queue::Spool> spool = queue::Spool::open(instance);
  if (!spool) return failed(spool);
  for (const queue::Id& id : ids) {
    Result<queue::File> file = spool->open_file(id, queue::File::Access::read);
    if (file) continue;
    if (file.error().sys == ENOENT) return permanent("no such message: {}", id.text());
    return failed(file);
  }
  return {};
}

}  // namespace porpoise::front
