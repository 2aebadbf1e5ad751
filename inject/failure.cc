#include "inject/failure.h"

#include <sysexits.h>

namespace porpoise::inject {

int sysexit(const Failure& failure) {
  switch (failure.cause) {
    case Cause::usage:
      return EX_USAGE;
    case Cause::data:
      return EX_DATAERR;
    case Cause::no_input:
      return EX_NOINPUT;
    case Cause::no_user:
      return EX_NOUSER;
    case Cause::elsewhere:
      return EX_NOHOST;
    case Cause::unavailable:
      return EX_UNAVAILABLE;
    case Cause::software:
      return EX_SOFTWARE;
    case Cause::system:
      return EX_OSERR;
    case Cause::output:
    case Cause::input:
      return EX_IOERR;
    case Cause::later:
      return EX_TEMPFAIL;
    case Cause::permission:
      return EX_NOPERM;
    case Cause::configuration:
      return EX_CONFIG;
  }
  return EX_SOFTWARE;
}

}  // namespace porpoise::inject
