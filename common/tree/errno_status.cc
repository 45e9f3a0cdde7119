#include "common/tree/errno_status.h"

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

#include "common/tree/path.h"

namespace waybill::tree {
namespace {

absl::StatusCode ToCode(int error) {
  switch (error) {
    case ENOENT:
      return absl::StatusCode::kNotFound;
    case EEXIST:
      return absl::StatusCode::kAlreadyExists;
    case EACCES:
    case EPERM:
      return absl::StatusCode::kPermissionDenied;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EMLINK:
      return absl::StatusCode::kResourceExhausted;
    case EIO:
    case EBADMSG:
    case EUCLEAN:
      return absl::StatusCode::kDataLoss;
    case ELOOP:
    case EXDEV:
    case ENOTDIR:
    case EISDIR:
    case ENOTEMPTY:
    case EROFS:
    case ENXIO:
    case ENOEXEC:
    case ETXTBSY:
      return absl::StatusCode::kFailedPrecondition;
    case EINVAL:
    case E2BIG:
    case ENAMETOOLONG:
      return absl::StatusCode::kInvalidArgument;
    case EBUSY:
    case EAGAIN:
    case ENODEV:
    case ESTALE:
      return absl::StatusCode::kUnavailable;
    case ENOSYS:
    case EOPNOTSUPP:
      return absl::StatusCode::kUnimplemented;
    default:
      return absl::StatusCode::kInternal;
  }
}

absl::string_view Reason(int error) {
  if (error == ELOOP) return "the path leaves the tree or passes a link";
  if (error == EXDEV) return "the path leaves the tree or passes into another mount";
  const char* text = strerrordesc_np(error);
  return text != nullptr ? text : "unknown error";
}

}  // namespace

absl::Status ErrnoToStatus(int error, absl::string_view operation, absl::string_view path) {
  return absl::Status(ToCode(error),
                      absl::StrCat(operation, " ", Escaped(path), ": ", Reason(error)));
}

}  // namespace waybill::tree
