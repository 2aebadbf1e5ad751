// mailsubj(1): sends standard input with a subject to some recipients.

#include <getopt.h>
#include <unistd.h>

#include "inject/run.h"
#include "inject/short_header.h"
#include "posix/file.h"
#include "posix/program.h"

using namespace porpoise;

namespace {

constexpr const char* kUsage = "usage: mailsubj [--instance DIR] subject recipient ...";

Result<int> run(int argc, char** argv) {
  const option options[] = {{"help", no_argument, nullptr, 'h'},
                            {"instance", required_argument, nullptr, 'i'},
                            {nullptr, 0, nullptr, 0}};
  inject::Request request;
  opterr = 0;
  for (int c; (c = ::getopt_long(argc, argv, "+", options, nullptr)) != -1;) {
    if (c == 'h') {
      Result<> shown = posix::write_all(1, fmt::format("{}\n", kUsage), "standard output");
      if (!shown) return failed(shown);
      return 0;
    }
    if (c != 'i') return permanent("{}", kUsage);
    request.instance = optarg;
  }
  if (argc - optind < 2) return permanent("{}", kUsage);
  auto header = inject::short_header(argv[optind], {argv + optind + 1, argv + argc});
  if (!header) return tl::make_unexpected(header.error().error);
  request.before = std::move(*header);
  inject::Outcome<> done = inject::run(request);
  if (!done) return tl::make_unexpected(done.error().error);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  posix::begin_program();
  return posix::run_program("mailsubj", [&] { return run(argc, argv); });
}
