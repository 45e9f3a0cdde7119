#include "services/scheduler/activation_loop.h"

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/logging/log.h"
#include "common/model/channels.h"
#include "common/model/reasons.h"
#include "common/model/states.h"
#include "common/status/status_macros.h"
#include "common/thread/loop.h"
#include "services/scheduler/job_progress_store.h"

#include "waybill/job/v1/job.pb.h"

namespace waybill::scheduler {
namespace {

// What a later attempt may find otherwise; anything else an import says is its last word.
bool IsTransient(const absl::Status& status) {
  return absl::IsAborted(status) || absl::IsUnavailable(status) || absl::IsUnknown(status) ||
         absl::IsResourceExhausted(status) || absl::IsDeadlineExceeded(status);
}

}  // namespace

ActivationLoop::ActivationLoop(JobProgressStore& store, Import import,
                               std::function<void(absl::string_view)> notify, Options options)
    : store_(store),
      import_(std::move(import)),
      notify_(std::move(notify)),
      options_(options),
      loop_("activation", options.poll_interval, [this] { return RunOnce(); }) {}

absl::StatusOr<absl::Duration> ActivationLoop::RunOnce() {
  WAYBILL_ASSIGN_OR_RETURN(const std::optional<ClaimedJob> job, store_.ClaimDue(options_.lease));
  if (!job.has_value()) {
    return store_.UntilNextDue();
  }
  const absl::Status begun = Begin(*job);
  if (absl::IsFailedPrecondition(begun)) {
    log::Info("activation was taken away", {{"job_id", job->job_id}, {"error", begun}});
    return absl::ZeroDuration();
  }
  WAYBILL_RETURN_IF_ERROR(begun);
  return absl::ZeroDuration();
}

absl::Status ActivationLoop::Begin(const ClaimedJob& job) {
  const absl::StatusOr<std::string> version = Bind(job);
  if (!version.ok()) {
    return GiveUp(job, version.status());
  }
  WAYBILL_ASSIGN_OR_RETURN(const job::v1::JobState state, store_.Activate(job, *version));
  log::Info("job activated",
            {{"job_id", job.job_id}, {"version", *version}, {"state", model::ToString(state)}});
  notify_(model::kSendChannel);
  notify_(model::kJobChannel);
  return absl::OkStatus();
}

// The version, or empty for a remove job of every version. Errors are what GiveUp understands.
absl::StatusOr<std::string> ActivationLoop::Bind(const ClaimedJob& job) {
  if (!job.version.empty() || job.type == job::v1::JOB_TYPE_REMOVE_PACKAGE) {
    return job.version;
  }
  WAYBILL_ASSIGN_OR_RETURN(const std::optional<std::string> newest,
                           store_.FindNewestVersion(job.package_id));
  const bool wants_snapshot = job.send_phase == job::v1::SEND_PHASE_EVEN_IF_SENT && job.has_source;
  if (newest.has_value() && !wants_snapshot) {
    return *newest;
  }
  if (job.send_phase == job::v1::SEND_PHASE_OFF) {
    return absl::NotFoundError(model::Reason(
        model::kVersionNotAtSite, "the package has no version yet, and this job sends nothing"));
  }
  if (!job.has_source) {
    return absl::NotFoundError(model::Reason(
        model::kVersionNotAtSite, "this site holds no version of the package, nor its source"));
  }
  return ImportUnderLease(job);
}

absl::StatusOr<std::string> ActivationLoop::ImportUnderLease(const ClaimedJob& job) {
  std::atomic<bool> lost = false;
  Loop heartbeat("job-lease", options_.lease / 3, [&]() -> absl::StatusOr<absl::Duration> {
    const absl::Status renewed = store_.RenewLease(job.job_id, job.fence, options_.lease);
    if (absl::IsFailedPrecondition(renewed)) {
      lost = true;
      return absl::InfiniteDuration();
    }
    WAYBILL_RETURN_IF_ERROR(renewed);
    return options_.lease / 3;
  });
  heartbeat.Start();
  absl::StatusOr<std::string> version =
      import_(job.package_id, [&] { return lost || loop_.IsStopping(); });
  heartbeat.Stop();
  if (version.ok() || absl::IsCancelled(version.status()) || IsTransient(version.status())) {
    return version;
  }
  return absl::NotFoundError(model::Reason(model::kImportFailed, version.status().message()));
}

// `why` NOT_FOUND is final and its text a reason; the rest passes.
absl::Status ActivationLoop::GiveUp(const ClaimedJob& job, const absl::Status& why) {
  if (absl::IsNotFound(why)) {
    log::Warning("job failed at activation", {{"job_id", job.job_id}, {"error", why}});
    const absl::Status failed = store_.Fail(job, std::string(why.message()));
    notify_(model::kJobChannel);
    return failed;
  }
  if (absl::IsCancelled(why)) {  // We stop, or lost the claim: whoever claims next goes on.
    return store_.Delay(job, absl::ZeroDuration(), "");
  }
  if (!IsTransient(why)) {
    return why;
  }
  log::Warning("activation waits", {{"job_id", job.job_id}, {"error", why}});
  return store_.Delay(
      job, options_.import_retry_delay,
      model::Reason(model::kImportFailed, absl::StrCat("will be tried again: ", why.message())));
}

}  // namespace waybill::scheduler
