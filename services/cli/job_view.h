#ifndef WAYBILL_SERVICES_CLI_JOB_VIEW_H_
#define WAYBILL_SERVICES_CLI_JOB_VIEW_H_

#include <string>

#include "absl/time/time.h"

#include "waybill/job/v1/job.pb.h"

/// A job for people. Pure: messages in, text out.
namespace waybill::cli {

/// The Job Details: what was ordered, then the three phases with their sites and servers.
std::string JobDetails(const job::v1::Job& job);

/// The job on one line, for watching: state, the three phases, bytes, rate and time left.
/// `elapsed` is since watching began, `bytes_before` what had been sent by then.
std::string JobLine(const job::v1::Job& job, absl::Duration elapsed, std::int64_t bytes_before);

/// Compressed bytes put on the wire for all sites.
std::int64_t BytesSent(const job::v1::Job& job);

/// "Run Command On Workstation" and the like; "Only If Not Previously Sent" and the like.
std::string TypeName(job::v1::JobType type);
std::string SendPhaseName(job::v1::SendPhase phase);

/// "3 of 4 done, 1 failed, 1 retrying"; "none" for a phase without edges.
std::string ProgressText(const job::v1::Progress& progress);

}  // namespace waybill::cli

#endif  // WAYBILL_SERVICES_CLI_JOB_VIEW_H_
