#include "services/sender/send_loop.h"

#include <atomic>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/clock/backoff.h"
#include "common/logging/log.h"
#include "common/metrics/metrics.h"
#include "common/model/channels.h"
#include "common/model/reasons.h"
#include "common/status/status_macros.h"
#include "common/thread/mutex.h"
#include "services/sender/instruction_source.h"
#include "services/sender/retry_rules.h"
#include "services/sender/send_order.h"
#include "services/sender/send_store.h"
#include "services/sender/transfer_client.h"

#include "waybill/transfer/v1/instruction.pb.h"

namespace waybill::sender {
namespace {

constexpr absl::Duration kWatchInterval = absl::Seconds(1);
constexpr int kTargetsPerPart = 10'000;  // Some 250 KB a message.

metrics::CounterFamily& Attempts() {
  static metrics::CounterFamily& family = *new metrics::CounterFamily(
      "waybill_sender_attempts_total", "Attempts at send requests, by how they ended.", {"result"});
  return family;
}

absl::string_view ResultName(SendResult::Kind kind) {
  switch (kind) {
    case SendResult::Kind::kSent:
      return "SENT";
    case SendResult::Kind::kSuperseded:
      return "SUPERSEDED";
    case SendResult::Kind::kNoSpace:
      return "INSUFFICIENT_SPACE";
    case SendResult::Kind::kStopped:
      return "STOPPED";
    case SendResult::Kind::kRefused:
      return "REFUSED";
    case SendResult::Kind::kFailed:
      break;
  }
  return "FAILED";
}

/// The instruction of an order, read from the job database while it is sent.
class StoredInstruction final : public InstructionSource {
 public:
  StoredInstruction(SendStore& store, const SendOrder& order) : store_(store), order_(order) {}

  absl::StatusOr<transfer::v1::Instruction> Head() override {
    absl::StatusOr<transfer::v1::Instruction> head = store_.GetInstruction(order_);
    if (head.ok()) site_codes_.assign(head->site_codes().begin(), head->site_codes().end());
    return head;
  }

  absl::StatusOr<transfer::v1::TargetPart> NextTargets() override {
    transfer::v1::TargetPart part;
    while (part.targets().empty() && site_ < site_codes_.size()) {
      const std::string& site_code = site_codes_[site_];
      WAYBILL_ASSIGN_OR_RETURN(
          std::vector<std::string> sms_ids,
          store_.ListTargets(order_.job_id, site_code, after_sms_id_, kTargetsPerPart));
      after_sms_id_ = sms_ids.empty() ? "" : sms_ids.back();
      site_ += sms_ids.empty() ? 1 : 0;
      for (std::string& sms_id : sms_ids) {
        transfer::v1::FrozenTarget& target = *part.add_targets();
        target.set_sms_id(std::move(sms_id));
        target.set_site_code(site_code);
      }
    }
    return part;
  }

  absl::StatusOr<VersionSizes> Sizes() override { return store_.GetSizes(order_); }

 private:
  SendStore& store_;
  const SendOrder& order_;
  std::vector<std::string> site_codes_;
  std::size_t site_ = 0;
  std::string after_sms_id_;
};

}  // namespace

struct SendLoop::Worker {
  Worker(SendOrder the_order, const clock::Clock& clock, absl::Duration lease)
      : order(std::move(the_order)), control(clock, lease) {}

  const SendOrder order;
  SendControl control;
  Mutex mutex;  // Progress is shown by the pass and, a last time, by the worker.
  std::int64_t shown_total ABSL_GUARDED_BY(mutex) = 0;
  std::int64_t shown_sent ABSL_GUARDED_BY(mutex) = 0;
  std::atomic<bool> done = false;
  std::thread thread;
};

SendLoop::SendLoop(Deps deps, Options options)
    : deps_(std::move(deps)),
      options_(options),
      loop_("send", options.poll_interval, [this] { return RunOnce(); }) {}

SendLoop::~SendLoop() {
  Stop();
}

void SendLoop::Stop() {
  loop_.Stop();
  for (const auto& worker : workers_) {
    worker->control.RequestStop(SendControl::Stop::kDraining);
  }
  for (const auto& worker : workers_) {
    worker->thread.join();
  }
  workers_.clear();
}

void SendLoop::AwaitIdle() {
  const MutexLock lock(mutex_);
  while (busy_ > 0) {
    changed_.Wait(mutex_);
  }
}

absl::StatusOr<absl::Duration> SendLoop::RunOnce() {
  Reap();
  // Not the end of the pass: a database that is away must not keep stalled sends from being seen.
  const absl::Status watched = Watch();
  WAYBILL_RETURN_IF_ERROR(watched);
  WAYBILL_ASSIGN_OR_RETURN(const int ended, deps_.store.EndHopeless());
  if (ended > 0) {
    deps_.notify(model::kJobChannel);
    deps_.notify(model::kOutboxChannel);
  }
  WAYBILL_RETURN_IF_ERROR(deps_.store.MarkWithoutAddress());
  WAYBILL_RETURN_IF_ERROR(ClaimAndStart());
  WAYBILL_ASSIGN_OR_RETURN(const auto next_due, deps_.store.FindNextDue());
  const absl::Duration due = next_due.value_or(absl::InfiniteDuration());
  return workers_.empty() ? due : std::min(due, kWatchInterval);
}

void SendLoop::Reap() {
  workers_.remove_if([](const std::unique_ptr<Worker>& worker) {
    if (!worker->done) return false;
    worker->thread.join();
    return true;
  });
}

absl::Status SendLoop::Watch() {
  std::vector<SendOrder> orders;
  for (const auto& worker : workers_) {
    if (worker->control.SinceMoved() > options_.progress_max) {
      worker->control.RequestStop(SendControl::Stop::kStalled);
    }
    orders.push_back(worker->order);
  }
  if (orders.empty()) return absl::OkStatus();
  const absl::Duration asked_at = deps_.clock.Monotonic();
  WAYBILL_ASSIGN_OR_RETURN(const std::vector<SendStore::Renewed> answers,
                           deps_.store.Renew(orders, options_.lease));
  std::map<std::int64_t, SendStore::Renewed> renewed;
  for (const SendStore::Renewed& answer : answers) {
    renewed.emplace(answer.send_request_id, answer);
  }
  for (const auto& worker : workers_) {
    const auto found = renewed.find(worker->order.send_request_id);
    if (worker->done) continue;
    if (found == renewed.end()) {
      worker->control.RequestStop(SendControl::Stop::kLeaseLost);
    } else if (found->second.superseded) {
      worker->control.RequestStop(SendControl::Stop::kSuperseded);
    } else if (found->second.overdue) {
      worker->control.RequestStop(SendControl::Stop::kOverdue);
    } else {
      worker->control.LeaseRenewed(asked_at);
      WAYBILL_RETURN_IF_ERROR(ShowProgress(*worker));
    }
  }
  return absl::OkStatus();
}

absl::Status SendLoop::ShowProgress(Worker& worker) {
  const SendControl::Progress progress = worker.control.progress();
  if (progress.accepted) SetFailing(worker.order.site_code, false);
  const MutexLock lock(worker.mutex);
  if (progress.bytes_total == worker.shown_total && progress.bytes_sent == worker.shown_sent) {
    return absl::OkStatus();
  }
  WAYBILL_RETURN_IF_ERROR(deps_.store.ShowProgress(worker.order, progress.bytes_total,
                                                   progress.bytes_sent - worker.shown_sent));
  worker.shown_total = progress.bytes_total;
  worker.shown_sent = progress.bytes_sent;
  deps_.notify(model::kOutboxChannel);
  return absl::OkStatus();
}

absl::Status SendLoop::ClaimAndStart() {
  SendStore::ClaimLimits limits = {.sends_max = options_.sends_max, .lease = options_.lease};
  {
    const MutexLock lock(mutex_);
    limits.failing = failing_;
  }
  WAYBILL_ASSIGN_OR_RETURN(std::vector<SendOrder> orders, deps_.store.Claim(limits));
  for (SendOrder& order : orders) {
    workers_.push_back(std::make_unique<Worker>(std::move(order), deps_.clock, options_.lease));
    Worker& worker = *workers_.back();
    {
      const MutexLock lock(mutex_);
      ++busy_;
    }
    worker.thread = std::thread([this, &worker] { Work(worker); });
  }
  if (!orders.empty()) deps_.notify(model::kOutboxChannel);
  return absl::OkStatus();
}

void SendLoop::Work(Worker& worker) {
  const SendOrder& order = worker.order;
  log::Info("send begins", {{"send_request_id", order.send_request_id},
                            {"job_id", order.job_id},
                            {"to_site_code", order.site_code},
                            {"fence", order.fence}});
  StoredInstruction instruction(deps_.store, order);
  const SendResult result = deps_.client.Send(order, instruction, worker.control);
  Report(worker, result);
  Done(worker);
}

void SendLoop::Done(Worker& worker) {
  {
    const MutexLock lock(mutex_);
    --busy_;
    changed_.NotifyAll();
  }
  worker.done = true;
  loop_.Wake();
}

void SendLoop::Report(Worker& worker, const SendResult& result) {
  const SendOrder& order = worker.order;
  Attempts().With({ResultName(result.kind)}).Increment();
  absl::Status reported = ShowProgress(worker);
  switch (result.kind) {
    case SendResult::Kind::kSent:
    case SendResult::Kind::kSuperseded:
      SetFailing(order.site_code, false);
      reported.Update(deps_.store.FinishSent(order));
      break;
    case SendResult::Kind::kNoSpace:
      SetFailing(order.site_code, false);
      // No failure: it waits at a steady pace, and goes on by itself when there is room.
      reported.Update(deps_.store.Retry(
          order,
          model::Reason(model::kInsufficientSpace,
                        absl::StrCat("site ", order.site_code, " needs ", result.needed_bytes,
                                     " bytes and has ", result.available_bytes)),
          options_.retry.space_retry, order.failures));
      break;
    case SendResult::Kind::kStopped:
      reported.Update(ReportStopped(order, worker.control.ShouldStop()));
      break;
    case SendResult::Kind::kRefused:
      SetFailing(order.site_code, false);  // It answers.
      reported.Update(deps_.store.FinishFailed(order, FailureReason(result.status)));
      break;
    case SendResult::Kind::kFailed:
      reported.Update(ReportFailed(worker, result.status));
      break;
  }
  log::Info("send ended", {{"send_request_id", order.send_request_id},
                           {"job_id", order.job_id},
                           {"to_site_code", order.site_code},
                           {"result", ResultName(result.kind)},
                           {"error", result.status},
                           {"bytes_sent", worker.control.progress().bytes_sent},
                           {"reported", reported}});
  deps_.notify(model::kJobChannel);
  deps_.notify(model::kOutboxChannel);
}

absl::Status SendLoop::ReportStopped(const SendOrder& order, SendControl::Stop why) {
  switch (why) {
    case SendControl::Stop::kSuperseded:
      return deps_.store.FinishFailed(order,
                                      model::Reason(model::kCancelled, "the job was cancelled"));
    case SendControl::Stop::kOverdue:
      return deps_.store.FinishFailed(
          order,
          model::Reason(model::kDeadlinePassed, "the job's deadline passed before it was sent"));
    case SendControl::Stop::kDraining:
      return deps_.store.Release(order);
    case SendControl::Stop::kStalled:
      SetFailing(order.site_code, true);
      return deps_.store.Retry(
          order,
          model::Reason(
              model::kUnreachable,
              absl::StrCat("nothing moved for ", absl::FormatDuration(options_.progress_max))),
          clock::BackoffDelay(options_.retry.backoff, order.failures + 1, deps_.random()),
          order.failures + 1);
    case SendControl::Stop::kLeaseLost:
    case SendControl::Stop::kNone:
      break;
  }
  return absl::OkStatus();  // Whoever has the request now reports.
}

absl::Status SendLoop::ReportFailed(Worker& worker, const absl::Status& status) {
  const SendOrder& order = worker.order;
  const SendControl::Progress progress = worker.control.progress();
  SetFailing(order.site_code, !progress.accepted);
  const int failures = FailuresAfter(order.failures, progress.bytes_durable > 0);
  return deps_.store.Retry(order, FailureReason(status),
                           clock::BackoffDelay(options_.retry.backoff, failures, deps_.random()),
                           failures);
}

void SendLoop::SetFailing(const std::string& site_code, bool failing) {
  const MutexLock lock(mutex_);
  if (failing) {
    failing_.insert(site_code);
  } else {
    failing_.erase(site_code);
  }
}

}  // namespace waybill::sender
