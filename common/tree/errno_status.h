#ifndef WAYBILL_COMMON_TREE_ERRNO_STATUS_H_
#define WAYBILL_COMMON_TREE_ERRNO_STATUS_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace waybill::tree {

/// The one place that gives an errno of a file operation its code:
///
///   ENOENT                        NOT_FOUND
///   EEXIST                        ALREADY_EXISTS
///   EACCES EPERM                  PERMISSION_DENIED
///   ENOSPC EDQUOT EFBIG           RESOURCE_EXHAUSTED: the disk
///   EMFILE ENFILE ENOMEM EMLINK   RESOURCE_EXHAUSTED: the process or machine
///   EIO EBADMSG EUCLEAN           DATA_LOSS: the disk lost or garbled what it held
///   ELOOP EXDEV                   FAILED_PRECONDITION: leaves the tree, passes a link or a mount
///   ENOTDIR EISDIR ENOTEMPTY EROFS ENXIO ENOEXEC ETXTBSY   FAILED_PRECONDITION
///   EINVAL ENAMETOOLONG E2BIG     INVALID_ARGUMENT
///   EBUSY EAGAIN ENODEV ESTALE    UNAVAILABLE
///   ENOSYS EOPNOTSUPP             UNIMPLEMENTED
///   all else                      INTERNAL
///
/// The text is `operation "path": reason`, the path escaped.
absl::Status ErrnoToStatus(int error, absl::string_view operation, absl::string_view path);

}  // namespace waybill::tree

#endif  // WAYBILL_COMMON_TREE_ERRNO_STATUS_H_
