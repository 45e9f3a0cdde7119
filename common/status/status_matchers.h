#ifndef WAYBILL_COMMON_STATUS_STATUS_MATCHERS_H_
#define WAYBILL_COMMON_STATUS_STATUS_MATCHERS_H_

#include <gmock/gmock.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace waybill {

inline const absl::Status& GetStatus(const absl::Status& status) {
  return status;
}
template <typename T>
const absl::Status& GetStatus(const absl::StatusOr<T>& result) {
  return result.status();
}

/// Matches a Status or StatusOr with the given canonical code.
MATCHER_P(StatusIs, code, "has code " + absl::StatusCodeToString(code)) {
  *result_listener << GetStatus(arg).ToString();
  return GetStatus(arg).code() == code;
}

/// Matches an OK Status or StatusOr.
inline auto IsOk() {
  return StatusIs(absl::StatusCode::kOk);
}

}  // namespace waybill

#endif  // WAYBILL_COMMON_STATUS_STATUS_MATCHERS_H_
