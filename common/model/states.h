#ifndef WAYBILL_COMMON_MODEL_STATES_H_
#define WAYBILL_COMMON_MODEL_STATES_H_

#include <string>

#include "absl/strings/string_view.h"

#include "waybill/job/v1/job.pb.h"

/// The states of jobs and their edges. The enums are the protocol's own, and their numbers are what
/// the tables hold; what a state means is said in job.proto.
namespace waybill::model {

using job::v1::JobState;
using job::v1::JobType;
using job::v1::Priority;
using job::v1::SendPhase;
using job::v1::SendState;
using job::v1::ServerState;
using job::v1::TargetState;

/// The word in logs, tables and the command line: "PENDING", "RUN_COMMAND". "UNKNOWN_<number>" for
/// a number of a newer release.
std::string ToString(JobState state);
std::string ToString(JobType type);
std::string ToString(Priority priority);
std::string ToString(SendPhase phase);
std::string ToString(SendState state);
std::string ToString(ServerState state);
std::string ToString(TargetState state);

/// No change leaves a final state (but a copy that is PRESENT or a FAILED one may be removed by a
/// later remove job, which has an edge of its own).
bool IsFinal(JobState state);
bool IsFinal(SendState state);
bool IsFinal(ServerState state);
bool IsFinal(TargetState state);

/// Final, and counts against the job: FAILED, TIMED_OUT, WITHDRAWN, UNKNOWN.
bool IsFailure(TargetState state);

}  // namespace waybill::model

#endif  // WAYBILL_COMMON_MODEL_STATES_H_
