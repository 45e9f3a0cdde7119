#ifndef WAYBILL_SERVICES_SCHEDULER_PAGING_H_
#define WAYBILL_SERVICES_SCHEDULER_PAGING_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace waybill::scheduler {

/// A page of a list ends after about this many bytes, so that it fits into a message of 4 MiB.
inline constexpr int kPageBytesMax = 3 << 20;

/// Some elements of a list, in its order.
template <typename T>
struct Page {
  std::vector<T> elements;
  bool has_next = false;  ///< More follow the last one.
};

/// How many elements a page has: `asked`, or `size_default` if that is 0. INVALID_ARGUMENT unless
/// it is 0 to `size_max`.
inline absl::StatusOr<int> PageSize(int asked, int size_default, int size_max) {
  if (asked < 0 || asked > size_max) {
    return absl::InvalidArgumentError(
        absl::StrCat("page_size: expected 1 to ", size_max, ", or 0 for ", size_default));
  }
  return asked == 0 ? size_default : asked;
}

}  // namespace waybill::scheduler

#endif  // WAYBILL_SERVICES_SCHEDULER_PAGING_H_
