#include "common/jobdb/notifier.h"

#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include <pqxx/pqxx>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/jobdb/database.h"
#include "common/jobdb/database_query.h"
#include "common/jobdb/statement.h"
#include "common/status/status_macros.h"
#include "common/thread/mutex.h"

namespace waybill::jobdb {
namespace {

constexpr Statement kNotify[] = {{"notify", "SELECT pg_notify($1, '')"}};

}  // namespace

absl::StatusOr<std::unique_ptr<Notifier>> Notifier::Start(Options options) {
  Database::Options session;
  session.uri = std::move(options.uri);
  session.application_name = std::move(options.application_name);
  session.sessions_max = 1;
  WAYBILL_ASSIGN_OR_RETURN(std::unique_ptr<Database> database,
                           Database::Open(std::move(session), kNotify));
  return std::unique_ptr<Notifier>(new Notifier(options.interval, std::move(database)));
}

Notifier::Notifier(absl::Duration interval, std::unique_ptr<Database> database)
    : interval_(interval), database_(std::move(database)), thread_([this] { Work(); }) {}

Notifier::~Notifier() {
  {
    const MutexLock lock(mutex_);
    closing_ = true;
    changed_.NotifyAll();
  }
  thread_.join();
}

void Notifier::Notify(absl::string_view channel) {
  const MutexLock lock(mutex_);
  pending_.emplace(channel);
  changed_.NotifyAll();
}

void Notifier::Work() {
  while (true) {
    const std::set<std::string> channels = TakePending();
    if (channels.empty()) {
      return;
    }
    Send(channels);
    AwaitInterval();
  }
}

std::set<std::string> Notifier::TakePending() {
  const MutexLock lock(mutex_);
  while (pending_.empty() && !closing_) {
    changed_.Wait(mutex_);
  }
  return std::exchange(pending_, {});
}

void Notifier::AwaitInterval() {
  const auto end = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(interval_);
  const MutexLock lock(mutex_);
  while (!closing_) {
    const absl::Duration left = absl::FromChrono(end - std::chrono::steady_clock::now());
    if (left <= absl::ZeroDuration()) {
      return;
    }
    changed_.WaitFor(mutex_, left);
  }
}

void Notifier::Send(const std::set<std::string>& channels) {
  // A failure is dropped, as promised: the next poll finds what this would have announced.
  (void)database_->Run(kNotify[0], [&](pqxx::transaction_base& work) {
    for (const std::string& channel : channels) {
      Execute(work, kNotify[0], channel);
    }
    return absl::OkStatus();
  });
}

}  // namespace waybill::jobdb
