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
#include "common/thread/executor.h"
#include "common/thread/loop.h"
#include "common/thread/mutex.h"
#include "services/scheduler/job_progress_store.h"

#include "waybill/job/v1/job.pb.h"

namespace waybill::scheduler {
namespace {

// What a later attempt may find otherwise; anything else an import says is its last word.
bool IsTransient(const absl::Status& status) {
  return absl::IsAborted(status) || absl::IsUnavailable(status) || absl::IsUnknown(status) ||
         absl::IsResourceExhausted(status) || absl::IsDeadlineExceeded(status);
}

// Whose claim it was is told by whoever has it now.
absl::Status PassOverLost(const ClaimedJob& job, const absl::Status& status) {
  if (absl::IsFailedPrecondition(status)) {
    log::Info("activation was taken away", {{"job_id", job.job_id}, {"error", status}});
    return absl::OkStatus();
  }
  return status;
}

}  // namespace

ActivationLoop::ActivationLoop(JobProgressStore& store, Import import,
                               std::function<void(absl::string_view)> notify, Options options)
    : store_(store),
      import_(std::move(import)),
      notify_(std::move(notify)),
      options_(options),
      // Places are counted here; a task that has left its place is not quite over.
      imports_(options.imports_max, 2 * options.imports_max),
      loop_("activation", options.poll_interval, [this] { return RunOnce(); }) {}

ActivationLoop::~ActivationLoop() {
  Stop();
}

void ActivationLoop::Stop() {
  imports_.Drain();
  loop_.Stop();
  AwaitImports();
}

void ActivationLoop::AwaitImports() {
  const MutexLock lock(mutex_);
  while (importing_ > 0) {
    changed_.Wait(mutex_);
  }
}

absl::StatusOr<absl::Duration> ActivationLoop::RunOnce() {
  WAYBILL_ASSIGN_OR_RETURN(const std::optional<ClaimedJob> job, store_.ClaimDue(options_.lease));
  if (!job.has_value()) {
    return store_.UntilNextDue();
  }
  WAYBILL_RETURN_IF_ERROR(PassOverLost(*job, Begin(*job)));
  return absl::ZeroDuration();
}

absl::Status ActivationLoop::Begin(const ClaimedJob& job) {
  const absl::StatusOr<std::string> version = Bind(job);
  if (!version.ok()) {
    return GiveUp(job, version.status());
  }
  const bool must_import = version->empty() && job.type != job::v1::JOB_TYPE_REMOVE_PACKAGE;
  return must_import ? StartImport(job) : Activate(job, *version);
}

// The version; empty if it is to be imported, and for a remove job of every version. Errors are
// what GiveUp understands.
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
  return std::string();
}

absl::Status ActivationLoop::Activate(const ClaimedJob& job, const std::string& version) {
  WAYBILL_ASSIGN_OR_RETURN(const job::v1::JobState state, store_.Activate(job, version));
  log::Info("job activated",
            {{"job_id", job.job_id}, {"version", version}, {"state", model::ToString(state)}});
  notify_(model::kSendChannel);
  notify_(model::kJobChannel);
  return absl::OkStatus();
}

bool ActivationLoop::TakePlace() {
  const MutexLock lock(mutex_);
  if (importing_ >= options_.imports_max) {
    return false;
  }
  ++importing_;
  return true;
}

void ActivationLoop::LeavePlace() {
  const MutexLock lock(mutex_);
  --importing_;
  changed_.NotifyAll();
}

absl::Status ActivationLoop::StartImport(const ClaimedJob& job) {
  if (!TakePlace()) {
    return Postpone(
        job, options_.import_wait,
        model::Reason(model::kImportWaits, "the imports of other jobs are under way before it"));
  }
  const bool accepted = imports_.TrySubmit([this, job] {
    const absl::Status status = PassOverLost(job, ImportAndActivate(job));
    if (!status.ok()) {  // Its claim ends by itself, and another pass takes it.
      log::Error("activation after an import failed", {{"job_id", job.job_id}, {"error", status}});
    }
    LeavePlace();
  });
  if (!accepted) {
    LeavePlace();
    return GiveUp(job, absl::CancelledError("the Scheduler ends"));
  }
  return absl::OkStatus();
}

absl::Status ActivationLoop::ImportAndActivate(const ClaimedJob& job) {
  const absl::StatusOr<std::string> version = ImportUnderLease(job);
  return version.ok() ? Activate(job, *version) : GiveUp(job, version.status());
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
      import_(job.package_id, [&] { return lost || imports_.stop_token().stop_requested(); });
  heartbeat.Stop();
  if (version.ok() || absl::IsCancelled(version.status()) || IsTransient(version.status())) {
    return version;
  }
  return absl::NotFoundError(model::Reason(model::kImportFailed, version.status().message()));
}

// `why` NOT_FOUND is final and its text a reason; the rest passes, until the job's deadline.
absl::Status ActivationLoop::GiveUp(const ClaimedJob& job, const absl::Status& why) {
  if (absl::IsNotFound(why)) {
    return Fail(job, std::string(why.message()));
  }
  if (absl::IsCancelled(why)) {  // We stop, or lost the claim: whoever claims next goes on.
    return store_.Delay(job, absl::ZeroDuration(), "");
  }
  if (!IsTransient(why)) {
    return why;
  }
  return Postpone(
      job, options_.import_retry_delay,
      model::Reason(model::kImportFailed, absl::StrCat("will be tried again: ", why.message())));
}

absl::Status ActivationLoop::Postpone(const ClaimedJob& job, absl::Duration delay,
                                      const std::string& reason) {
  if (job.is_late) {
    return Fail(job, model::Reason(model::kDeadlinePassed,
                                   absl::StrCat("before it could be activated: ", reason)));
  }
  log::Warning("activation waits", {{"job_id", job.job_id}, {"reason", reason}});
  return store_.Delay(job, delay, reason);
}

absl::Status ActivationLoop::Fail(const ClaimedJob& job, const std::string& reason) {
  log::Warning("job failed at activation", {{"job_id", job.job_id}, {"reason", reason}});
  const absl::Status failed = store_.Fail(job, reason);
  notify_(model::kJobChannel);
  return failed;
}

}  // namespace waybill::scheduler
