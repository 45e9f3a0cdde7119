#include "common/rpc/call_context.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>
#include <utility>

#include <grpcpp/server_context.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "common/rpc/identity.h"
#include "common/thread/executor.h"
#include "common/thread/mutex.h"

namespace waybill::rpc {
namespace {

absl::Time DeadlineOf(const grpc::CallbackServerContext& context, absl::Duration otherwise) {
  const auto deadline = context.deadline();
  // gRPC says "none" with the largest time_point.
  return deadline == std::chrono::system_clock::time_point::max() ? absl::Now() + otherwise
                                                                  : absl::FromChrono(deadline);
}

// A step of the wall clock must not end a stream.
absl::Duration Monotonic() {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

Identity IdentityOrNone(const grpc::CallbackServerContext& context) {
  const std::shared_ptr<const grpc::AuthContext> auth = context.auth_context();
  // Listener has refused the call already if it lacks one.
  return auth == nullptr ? Identity() : IdentityOf(*auth).value_or(Identity());
}

}  // namespace

CallContext::CallContext(const grpc::CallbackServerContext& context)
    : identity_(IdentityOrNone(context)),
      peer_(context.peer()),
      deadline_(DeadlineOf(context, kDefaultDeadline)) {}

CallContext::CallContext(const grpc::CallbackServerContext& context, const std::stop_token& drain)
    : identity_(IdentityOrNone(context)),
      peer_(context.peer()),
      deadline_(DeadlineOf(context, absl::InfiniteDuration())) {
  on_drain_.emplace(drain, [this] { Drain(); });
}

CallContext::CallContext(Identity identity, absl::Time deadline)
    : identity_(std::move(identity)), deadline_(deadline) {}

bool CallContext::IsCancelled() const {
  return !CancelStatus().ok();
}

bool CallContext::WaitForCancel(absl::Duration limit) const {
  const MutexLock lock(mutex_);
  if (CancelStatusLocked().ok()) {
    changed_.WaitFor(mutex_, std::min(limit, deadline_ - absl::Now()));
  }
  return !CancelStatusLocked().ok();
}

absl::Status CallContext::CancelStatus() const {
  const MutexLock lock(mutex_);
  return CancelStatusLocked();
}

absl::Status CallContext::CancelStatusLocked() const {
  if (draining_) {
    return absl::UnavailableError("the server is shutting down");
  }
  if (absl::Now() >= deadline_) {
    return absl::DeadlineExceededError("the call's deadline has passed");
  }
  return cancelled_ ? absl::CancelledError("the caller has left") : absl::OkStatus();
}

void CallContext::Cancel() {
  const MutexLock lock(mutex_);
  cancelled_ = true;
  changed_.NotifyAll();
}

void CallContext::Drain() {
  const MutexLock lock(mutex_);
  draining_ = true;
  changed_.NotifyAll();
}

void PendingOperation::Begin() {
  const MutexLock lock(context_.mutex_);
  pending_ = true;
}

void PendingOperation::Complete(bool ok) {
  const MutexLock lock(context_.mutex_);
  pending_ = false;
  broken_ = broken_ || !ok;
  context_.changed_.NotifyAll();
}

PendingOperation::Outcome PendingOperation::Wait(absl::Duration limit, bool until_drain) const {
  const absl::Duration end = Monotonic() + limit;
  const MutexLock lock(context_.mutex_);
  while (pending_) {
    if (until_drain && context_.draining_) {
      return Outcome::kDrained;
    }
    const absl::Duration left = end - Monotonic();
    if (left <= absl::ZeroDuration()) {
      return Outcome::kPending;
    }
    context_.changed_.WaitFor(context_.mutex_, left);
  }
  return broken_ ? Outcome::kBroken : Outcome::kDone;
}

absl::Status Admit(Executor& executor, std::function<void()> run) {
  if (!executor.TrySubmit(std::move(run))) {
    return absl::ResourceExhaustedError("too many calls in progress");
  }
  return absl::OkStatus();
}

}  // namespace waybill::rpc
