#include "posix/error.h"

#include <cstring>

namespace porpoise::posix {

bool is_temporary(int err) {
  switch (err) {
    case EINTR:
    case ENOMEM:
    case ETXTBSY:
    case EIO:
    case ETIMEDOUT:
    case EAGAIN:
    case EDEADLK:
    case EBUSY:
    case ENFILE:
    case EMFILE:
    case EFBIG:
    case ENOSPC:
    case ENETDOWN:
    case ENETUNREACH:
    case ENETRESET:
    case ECONNABORTED:
    case ECONNRESET:
    case ENOBUFS:
    case ETOOMANYREFS:
    case ECONNREFUSED:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case EUSERS:
    case EDQUOT:
    case ESTALE:
    case ENOLCK:
    case EROFS:
      return true;
    default:
      return false;
  }
}

std::string error_text(int err) {
  char room[128];
  return strerror_r(err, room, sizeof room);
}

tl::unexpected<Error> system_error(int err, std::string_view act) {
  return tl::make_unexpected(Error{is_temporary(err) ? Fate::temporary : Fate::permanent,
                                   fmt::format("{}: {}", act, error_text(err)), err});
}

tl::unexpected<Error> trouble(int err, std::string_view act) {
  return tl::make_unexpected(
      Error{Fate::temporary, fmt::format("{}: {}", act, error_text(err)), err});
}

}  // namespace porpoise::posix
