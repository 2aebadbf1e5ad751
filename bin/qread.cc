// qread(1): what is queued, and why.

#include <optional>
#include <string>

#include "cli/cli.h"
#include "instance/instance.h"
#include "posix/file.h"
#include "posix/program.h"
#include "posix/writer.h"
#include "queue/listing.h"

namespace {

using namespace porpoise;

constexpr const char* kName = "qread";

Result<int> show_content(const queue::Spool& spool, const std::string& text) {
  const std::optional<queue::Id> id = queue::Id::parse(text);
  if (!id) return permanent("\"{}\" is not the id of a message", text);
  Result<queue::File> file = spool.open_file(*id, queue::File::Access::read);
  if (!file && file.error().sys == ENOENT) return permanent("no message {} in the queue", text);
  if (!file) return failed(file);
  posix::Writer out(1, "standard output");
  char room[65536];
  std::uint64_t left = file->header().content_octets;
  for (std::uint64_t at = file->content_offset(); left > 0 && out.good();) {
    Result<std::size_t> n =
        posix::read_at(file->fd(), std::span(room).first(std::min<std::size_t>(left, sizeof room)),
                       static_cast<off_t>(at), "message " + text);
    if (!n) return failed(n);
    if (*n == 0) return temporary("message {} is shorter than its header says", text);
    out.put({room, *n});
    at += *n;
    left -= *n;
  }
  Result<> done = out.flush();
  if (!done) return failed(done);
  return 0;
}

Result<int> list(const Instance& instance, const queue::Spool& spool, bool json) {
  // The channel is a hint for the reader: tables that cannot be read do not hide the queue.
  Result<Router> router = Router::load(instance);
  if (!router) posix::complain(kName, router.error().text);
  const Router* routes = router ? &*router : nullptr;
  Result<std::vector<queue::Id>> ids = queue::all_ids(spool);
  if (!ids) return failed(ids);
  posix::Writer out(1, "standard output");
  for (const queue::Id& id : *ids) {
    if (!out.good()) break;
    queue::Place place{};
    Result<queue::File> file = spool.open_file(id, queue::File::Access::read, &place);
    if (file) {
      out.put(json ? list_json(*file, place, routes) : list_text(*file, routes));
    } else if (file.error().sys != ENOENT) {  // that one is done meanwhile
      posix::complain(kName, fmt::format("trouble with #{}: {}", id.text(), file.error().text));
    }
  }
  Result<> done = out.flush();
  if (!done) return failed(done);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  posix::begin_program();
  std::optional<std::string> where;
  std::optional<std::string> content;
  bool json = false;
  cli::Parser parser(kName, "Lists the messages in the queue, and why they wait.");
  parser.option("--instance", where, "the instance DIR");
  parser.option("--content", content, "write the content of message ID instead");
  parser.flag("--json", json, "one JSON object a message");
  if (const auto outcome = parser.parse(argc, argv); outcome.done) return outcome.code;

  return posix::run_program(kName, [&]() -> Result<int> {
    Result<Instance> instance = Instance::find(where);
    if (!instance) return failed(instance);
    if (Result<> done = instance->require_owner(); !done) return failed(done);
    Result<queue::Spool> spool = queue::Spool::open(*instance);
    if (!spool) return failed(spool);
    return content ? show_content(*spool, *content) : list(*instance, *spool, json);
  });
}
