#include "services/pcm/agent.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/clock/backoff.h"
#include "common/logging/log.h"
#include "common/model/definition_file.h"
#include "common/model/reasons.h"
#include "common/random/random_id.h"
#include "common/status/status_macros.h"
#include "common/text/utf8.h"
#include "common/thread/mutex.h"
#include "common/tree/directory.h"
#include "common/tree/file.h"
#include "services/pcm/command_run.h"
#include "services/pcm/history.h"
#include "services/pcm/offer_rules.h"
#include "services/pcm/package_cache.h"
#include "services/pcm/site_client.h"

namespace waybill::pcm {
namespace {

constexpr char kLockFile[] = "lock";
constexpr char kDefinitionFile[] = "definition.ins";
constexpr char kLastServerFile[] = "last_server";
constexpr char kHistoryDirectory[] = "history";
constexpr int kServerNameBytesMax = 256;
constexpr int kDetailBytesMax = 1000;
// A leave that is older is asked for once more before the start: a cancel may have come meanwhile.
constexpr absl::Duration kLeaveFresh = absl::Seconds(1);

// The site answered, and the answer will not change.
bool IsRefusal(const absl::Status& status) {
  return absl::IsFailedPrecondition(status) && !model::HasWord(status.message(), model::kNotYet);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Agent>> Agent::Open(tree::Directory state, AgentParts parts,
                                                   AgentOptions options) {
  WAYBILL_ASSIGN_OR_RETURN(tree::File lock, state.OpenOrCreate(kLockFile, 0600));
  if (const absl::Status locked = lock.TryLock(); !locked.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat("another waybill-pcm uses the state directory ", state.path()));
  }
  WAYBILL_ASSIGN_OR_RETURN(tree::Directory records, state.MakeDirectories(kHistoryDirectory, 0700));
  WAYBILL_RETURN_IF_ERROR(state.Sync());
  WAYBILL_ASSIGN_OR_RETURN(std::unique_ptr<History> history, History::Open(std::move(records)));
  std::unique_ptr<Agent> agent(new Agent(std::move(state), std::move(lock), std::move(history),
                                         std::move(parts), std::move(options)));
  agent->LoadDefinition();
  return agent;
}

Agent::Agent(tree::Directory state, tree::File lock, std::unique_ptr<History> history,
             AgentParts parts, AgentOptions options)
    : state_(std::move(state)),
      lock_(std::move(lock)),
      history_(std::move(history)),
      parts_(std::move(parts)),
      options_(std::move(options)) {}

// Both files only save work: without them the site is asked for the whole file, and any server is
// as good as another.
void Agent::LoadDefinition() {
  last_server_ = state_.ReadFile(kLastServerFile, kServerNameBytesMax).value_or("");
  const absl::StatusOr<std::string> bytes =
      state_.ReadFile(kDefinitionFile, model::kDefinitionBytesMax);
  if (!bytes.ok()) return;
  absl::StatusOr<model::DefinitionFile> definition = model::Decode(*bytes);
  if (definition.ok() && definition->sms_id == options_.sms_id) {
    const MutexLock lock(mutex_);
    definition_ = *std::move(definition);
  }
}

absl::StatusOr<absl::Duration> Agent::Poll() {
  std::int64_t known = 0;
  {
    const MutexLock lock(mutex_);
    known = definition_.offer_version;
  }
  WAYBILL_ASSIGN_OR_RETURN(const SiteClient::PollAnswer answer, parts_.site.Poll(known));
  {
    const MutexLock lock(mutex_);
    server_time_ = {answer.server_time, parts_.clock.Monotonic()};
  }
  if (answer.definition.empty()) return answer.next_poll_after;
  WAYBILL_ASSIGN_OR_RETURN(model::DefinitionFile definition, model::Decode(answer.definition));
  if (definition.sms_id != options_.sms_id) {
    return absl::DataLossError(
        absl::StrCat("the site sent the definition file of ", definition.sms_id));
  }
  WAYBILL_RETURN_IF_ERROR(
      state_.WriteFile(kDefinitionFile, answer.definition, {.mode = 0600, .durable = false}));
  log::Info("got a definition file", {{"sms_id", options_.sms_id},
                                      {"offer_version", definition.offer_version},
                                      {"offers", definition.offers.size()}});
  const std::int64_t version = definition.offer_version;
  std::set<std::string> offered;
  for (const model::Offer& offer : definition.offers) {
    offered.insert(offer.job_id);
  }
  {
    const MutexLock lock(mutex_);
    definition_ = std::move(definition);
    std::erase_if(put_off_, [&](const auto& entry) { return !offered.contains(entry.first); });
  }
  // The site counts offers as seen when it hears that the file is here. The next poll would say so
  // too, but may be an hour away.
  if (const absl::Status told = parts_.site.Poll(version).status(); !told.ok()) {
    log::Info("the site does not know yet that its file came",
              {{"sms_id", options_.sms_id}, {"error", told}});
  }
  return answer.next_poll_after;
}

absl::Time Agent::ServerNowLocked() const {
  if (!server_time_.has_value()) return parts_.clock.Now();
  return server_time_->first + (parts_.clock.Monotonic() - server_time_->second);
}

absl::Time Agent::ServerNow() const {
  const MutexLock lock(mutex_);
  return ServerNowLocked();
}

std::vector<OfferFacts> Agent::Facts() const {
  std::vector<OfferFacts> all;
  for (const model::Offer& offer : definition_.offers) {
    const auto put_off = put_off_.find(offer.job_id);
    all.push_back(
        {.offer = &offer,
         .progress = history_->ProgressOf(offer.job_id),
         .is_accepted = options_.accepts_all || options_.accepted_job_ids.contains(offer.job_id),
         .not_before = put_off == put_off_.end() ? absl::InfinitePast() : put_off->second.second});
  }
  return all;
}

std::vector<model::Offer> Agent::ListOffers() const {
  const MutexLock lock(mutex_);
  const absl::Time now = ServerNowLocked();
  std::vector<model::Offer> shown;
  for (const OfferFacts& facts : Facts()) {
    if (IsShown(facts, now)) shown.push_back(*facts.offer);
  }
  std::stable_sort(shown.begin(), shown.end(), [now](const auto& a, const auto& b) {
    return IsMandatory(a, now) && !IsMandatory(b, now);
  });
  return shown;
}

std::optional<model::Offer> Agent::NextDue() const {
  const MutexLock lock(mutex_);
  const model::Offer* next = ChooseNext(Facts(), ServerNowLocked());
  if (next == nullptr) return std::nullopt;
  return *next;
}

bool Agent::HasWork() const {
  return !history_->ListAt(RunStep::kStarted).empty() ||
         !history_->ListAt(RunStep::kFinished).empty() || NextDue().has_value();
}

absl::Duration Agent::UntilChange() const {
  const MutexLock lock(mutex_);
  const absl::Time now = ServerNowLocked();
  return NextChange(Facts(), now) - now;
}

absl::Status Agent::Settle() {
  for (RunRecord& record : history_->ListAt(RunStep::kStarted)) {
    record.outcome = RunOutcome::kInterrupted;
    record.detail = "the agent ended while the command ran";
    log::Warning("a run was interrupted", {{"sms_id", options_.sms_id}, {"job_id", record.job_id}});
    WAYBILL_RETURN_IF_ERROR(PutStep(record, RunStep::kFinished));
  }
  for (RunRecord& record : history_->ListAt(RunStep::kFinished)) {
    WAYBILL_RETURN_IF_ERROR(Report(record));
  }
  return absl::OkStatus();
}

absl::Status Agent::RunDue(const std::function<void(const Ended&)>& ended) {
  absl::Status status = Settle();
  // What cannot be reported waits; that the site is away does not stop what it has granted.
  while (!IsStopping()) {
    const std::optional<model::Offer> offer = NextDue();
    if (!offer.has_value()) break;
    RunRecord record;
    const absl::Status run = Run(*offer, record);
    if (record.step != RunStep::kRequested) {
      ended({.offer = *offer, .record = record});
    } else if (!run.ok()) {
      PutOff(offer->job_id);
    }
    if (!run.ok()) {
      log::Info("a run waits",
                {{"sms_id", options_.sms_id}, {"job_id", offer->job_id}, {"error", run}});
      status = run;
      if (absl::IsAborted(run)) break;
    }
  }
  if (const absl::Status tidied = TidyCache(); !tidied.ok()) {
    log::Warning("cannot tidy the cache", {{"sms_id", options_.sms_id}, {"error", tidied}});
  }
  return status;
}

absl::Status Agent::Run(const model::Offer& offer, RunRecord& record) {
  WAYBILL_RETURN_IF_ERROR(Request(offer, record));
  if (record.step == RunStep::kDropped) return absl::OkStatus();
  const absl::Duration granted_at = parts_.clock.Monotonic();
  absl::StatusOr<PackageCache::Package> package = Fetch(offer);
  if (absl::IsCancelled(package.status())) return package.status();
  WAYBILL_RETURN_IF_ERROR(Fault("fetched"));
  if (!package.ok()) {
    record.outcome = RunOutcome::kNotStarted;
    record.detail = text::ToUtf8(package.status().ToString(), kDetailBytesMax);
    WAYBILL_RETURN_IF_ERROR(PutStep(record, RunStep::kFinished));
    return Report(record);
  }
  const bool expired = offer.expires_after.has_value() && *offer.expires_after <= ServerNow();
  if (expired || parts_.clock.Monotonic() - granted_at >= kLeaveFresh) {
    WAYBILL_RETURN_IF_ERROR(AskAgain(record, /*must_answer=*/expired));
    if (record.step == RunStep::kDropped) return absl::OkStatus();
  }
  if (IsStopping()) return absl::CancelledError("the agent stops");
  WAYBILL_RETURN_IF_ERROR(RunFetched(offer, package->root, record));
  return Report(record);
}

// The run id is on the disk before the site hears it: whatever dies, the same one is asked again.
absl::Status Agent::Request(const model::Offer& offer, RunRecord& record) {
  std::optional<RunRecord> known = history_->Find(offer.job_id);
  if (known.has_value()) {
    record = *std::move(known);
  } else {
    record.job_id = offer.job_id;
    record.run_id = RandomId();
    record.start_time = parts_.clock.Now();
    WAYBILL_RETURN_IF_ERROR(PutStep(record, RunStep::kRequested));
  }
  absl::StatusOr<std::string> token = parts_.site.StartRun(record.job_id, record.run_id);
  WAYBILL_RETURN_IF_ERROR(Fault("granted"));
  if (token.ok()) {
    record.run_token = *std::move(token);
    return absl::OkStatus();
  }
  if (!IsRefusal(token.status())) return token.status();
  record.detail = text::ToUtf8(token.status().message(), kDetailBytesMax);
  return PutStep(record, RunStep::kDropped);
}

absl::StatusOr<PackageCache::Package> Agent::Fetch(const model::Offer& offer) {
  const std::function<bool()> cancelled = [this] { return IsStopping(); };
  const absl::Duration end = parts_.clock.Monotonic() + options_.fetch_wait_max;
  absl::StatusOr<PackageCache::Package> package;
  for (int round = 1;; ++round) {
    package = parts_.cache.Get(
        offer, OrderLocations(offer.locations, options_.sms_id, last_server_), cancelled);
    if (package.ok() || absl::IsCancelled(package.status())) break;
    const absl::Duration left = end - parts_.clock.Monotonic();
    if (left <= absl::ZeroDuration()) break;
    // The last try comes when the time is over, not before.
    if (!Pause(std::min(left, clock::BackoffDelay(options_.fetch_retry, round, parts_.random())))) {
      return absl::CancelledError("the agent stops");
    }
  }
  if (package.ok() && !package->server_name.empty() && package->server_name != last_server_) {
    last_server_ = package->server_name;
    const absl::Status kept =
        state_.WriteFile(kLastServerFile, last_server_, {.mode = 0600, .durable = false});
    if (!kept.ok()) log::Warning("cannot keep the last server", {{"error", kept}});
  }
  return package;
}

// A site that cannot be reached has not taken its leave back; of what has expired by its clock it
// has to say so itself, and until then it waits.
absl::Status Agent::AskAgain(RunRecord& record, bool must_answer) {
  const absl::StatusOr<std::string> token = parts_.site.StartRun(record.job_id, record.run_id);
  if (!IsRefusal(token.status())) return must_answer ? token.status() : absl::OkStatus();
  record.detail = text::ToUtf8(token.status().message(), kDetailBytesMax);
  return PutStep(record, RunStep::kDropped);
}

absl::Status Agent::RunFetched(const model::Offer& offer, const tree::Directory& root,
                               RunRecord& record) {
  record.start_time = parts_.clock.Now();
  WAYBILL_RETURN_IF_ERROR(PutStep(record, RunStep::kStarted));
  log::Info("running", {{"sms_id", options_.sms_id},
                        {"job_id", offer.job_id},
                        {"command_name", offer.command_name}});
  RunCommand(
      {.offer = offer,
       .root = root,
       .sms_id = options_.sms_id,
       .home_directory = options_.home_directory},
      parts_.clock, [this] { return IsDrained(); }, record);
  WAYBILL_RETURN_IF_ERROR(Fault("ran"));
  return PutStep(record, RunStep::kFinished);
}

absl::Status Agent::Report(RunRecord& record) {
  const absl::Status reported = parts_.site.ReportResult(record);
  WAYBILL_RETURN_IF_ERROR(Fault("told"));
  if (absl::IsNotFound(reported) || absl::IsInvalidArgument(reported)) {
    // The site will never take it: it lost the run, for instance with its database.
    log::Error("the site refuses a result",
               {{"sms_id", options_.sms_id}, {"job_id", record.job_id}, {"error", reported}});
    return PutStep(record, RunStep::kDropped);
  }
  WAYBILL_RETURN_IF_ERROR(reported);
  log::Info("reported", {{"sms_id", options_.sms_id}, {"job_id", record.job_id}});
  return PutStep(record, RunStep::kReported);
}

absl::Status Agent::PutStep(RunRecord& record, RunStep step) {
  static constexpr const char* kNames[] = {"requested", "started", "finished", "reported",
                                           "dropped"};
  RunRecord next = record;
  next.step = step;
  WAYBILL_RETURN_IF_ERROR(history_->Put(next));
  record = std::move(next);
  return Fault(kNames[static_cast<int>(step)]);
}

absl::Status Agent::Fault(absl::string_view step) const {
  return parts_.fault == nullptr ? absl::OkStatus() : parts_.fault(step);
}

void Agent::PutOff(const std::string& job_id) {
  const MutexLock lock(mutex_);
  auto& [failures, not_before] = put_off_[job_id];
  ++failures;
  not_before =
      ServerNowLocked() + clock::BackoffDelay(options_.site_retry, failures, parts_.random());
}

absl::Status Agent::TidyCache() {
  if (options_.keeps_cache) return absl::OkStatus();
  std::set<std::string> versions;
  {
    const MutexLock lock(mutex_);
    for (const model::Offer& offer : definition_.offers) {
      versions.insert(offer.version);
    }
  }
  return parts_.cache.KeepOnly(versions);
}

void Agent::Stop() {
  const MutexLock lock(mutex_);
  if (!stop_at_.has_value()) stop_at_ = parts_.clock.Monotonic() + options_.drain_max;
  changed_.NotifyAll();
}

bool Agent::IsStopping() const {
  const MutexLock lock(mutex_);
  return stop_at_.has_value();
}

bool Agent::IsDrained() const {
  const MutexLock lock(mutex_);
  return stop_at_.has_value() && parts_.clock.Monotonic() >= *stop_at_;
}

bool Agent::Pause(absl::Duration limit) {
  const MutexLock lock(mutex_);
  const absl::Duration end = parts_.clock.Monotonic() + limit;
  while (!stop_at_.has_value() && parts_.clock.Monotonic() < end) {
    changed_.WaitFor(mutex_, end - parts_.clock.Monotonic());
  }
  return !stop_at_.has_value();
}

}  // namespace waybill::pcm
