#include "services/sender/retry_rules.h"

#include <string>

#include "absl/status/status.h"

#include "common/model/reasons.h"

namespace waybill::sender {

int FailuresAfter(int failures_before, bool made_progress) {
  return made_progress ? 1 : failures_before + 1;
}

bool IsPermanent(const absl::Status& status) {
  return absl::IsInvalidArgument(status) || absl::IsUnimplemented(status);
}

std::string FailureReason(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kCancelled:
      return model::Reason(model::kUnreachable, status.message());
    case absl::StatusCode::kDataLoss:
      return model::Reason(model::kDataLoss, status.message());
    default:
      return model::Reason(model::kRefused, status.ToString());
  }
}

}  // namespace waybill::sender
