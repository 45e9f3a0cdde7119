#include "common/model/states.h"

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

#include "waybill/job/v1/job.pb.h"

namespace waybill::model {
namespace {

// `name` is the generated one, such as "JOB_STATE_PENDING"; empty for a number it does not know.
std::string Short(absl::string_view name, absl::string_view prefix, int number) {
  if (name.empty()) {
    return absl::StrCat("UNKNOWN_", number);
  }
  return std::string(absl::StripPrefix(name, prefix));
}

}  // namespace

std::string ToString(JobState state) {
  return Short(job::v1::JobState_Name(state), "JOB_STATE_", state);
}
std::string ToString(JobType type) {
  return Short(job::v1::JobType_Name(type), "JOB_TYPE_", type);
}
std::string ToString(Priority priority) {
  return Short(job::v1::Priority_Name(priority), "PRIORITY_", priority);
}
std::string ToString(SendPhase phase) {
  return Short(job::v1::SendPhase_Name(phase), "SEND_PHASE_", phase);
}
std::string ToString(SendState state) {
  return Short(job::v1::SendState_Name(state), "SEND_STATE_", state);
}
std::string ToString(ServerState state) {
  return Short(job::v1::ServerState_Name(state), "SERVER_STATE_", state);
}
std::string ToString(TargetState state) {
  return Short(job::v1::TargetState_Name(state), "TARGET_STATE_", state);
}

bool IsFinal(JobState state) {
  return state == job::v1::JOB_STATE_COMPLETE || state == job::v1::JOB_STATE_FAILED ||
         state == job::v1::JOB_STATE_CANCELLED;
}

bool IsFinal(SendState state) {
  return state == job::v1::SEND_STATE_SENT || state == job::v1::SEND_STATE_FAILED;
}

bool IsFinal(ServerState state) {
  return state == job::v1::SERVER_STATE_PRESENT || state == job::v1::SERVER_STATE_FAILED ||
         state == job::v1::SERVER_STATE_REMOVED;
}

bool IsFinal(TargetState state) {
  return state >= job::v1::TARGET_STATE_SUCCEEDED && state <= job::v1::TARGET_STATE_UNKNOWN;
}

bool IsFailure(TargetState state) {
  return state == job::v1::TARGET_STATE_FAILED || state == job::v1::TARGET_STATE_TIMED_OUT ||
         state == job::v1::TARGET_STATE_WITHDRAWN || state == job::v1::TARGET_STATE_UNKNOWN;
}

}  // namespace waybill::model
