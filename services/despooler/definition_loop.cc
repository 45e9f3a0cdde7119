#include "services/despooler/definition_loop.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "common/logging/log.h"
#include "common/metrics/metrics.h"
#include "common/model/channels.h"
#include "common/model/definition_file.h"
#include "common/model/ids.h"
#include "common/status/status_macros.h"
#include "common/tree/directory.h"
#include "common/tree/file.h"
#include "services/despooler/definition_store.h"

namespace waybill::despooler {
namespace {

constexpr char kMasterDirectory[] = "site.srv/mancfg.box";
constexpr char kWriterLock[] = ".writer.lock";
constexpr int kExpireBatch = 10'000;

prometheus::Counter& WrittenFiles() {
  static metrics::CounterFamily& family = *new metrics::CounterFamily(
      "waybill_despooler_definitions_written_total", "PCM definition files written.");
  return family.With();
}

// What a batch of workstations is offered.
struct BatchOffers {
  absl::flat_hash_map<std::string, std::vector<OfferedJob>> jobs_by_sms_id;
  absl::flat_hash_map<std::string, model::Offer> offer_by_job_id;

  // Those of one workstation that can be offered now.
  std::vector<OfferedJob> JobsOf(const std::string& sms_id) const {
    const auto jobs = jobs_by_sms_id.find(sms_id);
    return jobs != jobs_by_sms_id.end() ? jobs->second : std::vector<OfferedJob>();
  }

  std::vector<model::Offer> OffersOf(const std::vector<OfferedJob>& jobs) const {
    std::vector<model::Offer> offers;
    for (const OfferedJob& job : jobs) {
      offers.push_back(offer_by_job_id.at(job.job_id));
    }
    return offers;
  }
};

absl::StatusOr<BatchOffers> ReadOffers(DefinitionStore& store,
                                       const std::vector<DefinitionRow>& rows) {
  std::vector<std::string> sms_ids;
  for (const DefinitionRow& row : rows) {
    sms_ids.push_back(row.sms_id);
  }
  WAYBILL_ASSIGN_OR_RETURN(std::vector<OfferedJob> jobs, store.ListOfferedJobs(sms_ids));
  absl::flat_hash_set<std::string> job_ids;
  for (const OfferedJob& job : jobs) {
    job_ids.insert(job.job_id);
  }
  WAYBILL_ASSIGN_OR_RETURN(
      std::vector<model::Offer> offers,
      store.ListOffers(std::vector<std::string>(job_ids.begin(), job_ids.end())));
  BatchOffers batch;
  for (model::Offer& offer : offers) {
    const std::string job_id = offer.job_id;
    batch.offer_by_job_id.emplace(job_id, std::move(offer));
  }
  for (OfferedJob& job : jobs) {
    if (batch.offer_by_job_id.contains(job.job_id)) {
      batch.jobs_by_sms_id[job.sms_id].push_back(std::move(job));
    }
  }
  return batch;
}

}  // namespace

/// One pass's hold on mancfg.box: the writer's lock, and one descriptor for each domain.
class DefinitionLoop::Pass {
 public:
  /// Nothing if another Despooler writes.
  static absl::StatusOr<std::optional<Pass>> Begin(const std::string& site_directory);

  /// Writes the files of these rows, and records it.
  absl::Status Write(DefinitionStore& store, const std::vector<DefinitionRow>& rows);

  /// Whether the file stands, whole, and is not older than its row says.
  bool IsCurrent(const DefinitionRow& row);

  std::size_t written() const { return written_; }
  /// Rows that were behind their files, and are to be written once more.
  std::size_t overtaken() const { return overtaken_; }

 private:
  Pass(tree::Directory box, tree::File lock) : box_(std::move(box)), lock_(std::move(lock)) {}

  absl::StatusOr<const tree::Directory*> Domain(const std::string& domain);
  absl::StatusOr<std::int64_t> FoundVersion(const tree::Directory& directory,
                                            const DefinitionRow& row) const;
  absl::StatusOr<WrittenDefinition> WriteOne(const DefinitionRow& row,
                                             std::vector<model::Offer> offers);

  tree::Directory box_;
  tree::File lock_;
  std::map<std::string, tree::Directory> domains_;
  std::size_t written_ = 0;
  std::size_t overtaken_ = 0;
};

absl::StatusOr<std::optional<DefinitionLoop::Pass>> DefinitionLoop::Pass::Begin(
    const std::string& site_directory) {
  WAYBILL_ASSIGN_OR_RETURN(const tree::Directory site, tree::Directory::Create(site_directory));
  WAYBILL_ASSIGN_OR_RETURN(tree::Directory box, site.MakeDirectories(kMasterDirectory));
  WAYBILL_ASSIGN_OR_RETURN(tree::File lock, box.OpenOrCreate(kWriterLock, 0600));
  const absl::Status locked = lock.TryLock();
  if (absl::IsFailedPrecondition(locked)) {
    return std::optional<Pass>();
  }
  WAYBILL_RETURN_IF_ERROR(locked);
  return std::optional<Pass>(Pass(std::move(box), std::move(lock)));
}

// Names come from rows that other sites' administrators filled: looked at before they become paths.
absl::StatusOr<const tree::Directory*> DefinitionLoop::Pass::Domain(const std::string& domain) {
  const auto known = domains_.find(domain);
  if (known != domains_.end()) {
    return &known->second;
  }
  WAYBILL_RETURN_IF_ERROR(model::CheckHostName("domain", domain));
  WAYBILL_ASSIGN_OR_RETURN(tree::Directory directory,
                           box_.MakeDirectories(absl::StrCat(domain, ".000")));
  return &domains_.emplace(domain, std::move(directory)).first->second;
}

// 0 for a file that is missing or broken: anything is newer.
absl::StatusOr<std::int64_t> DefinitionLoop::Pass::FoundVersion(const tree::Directory& directory,
                                                                const DefinitionRow& row) const {
  const absl::StatusOr<std::string> bytes =
      directory.ReadFile(absl::StrCat(row.sms_id, ".ins"), model::kDefinitionBytesMax);
  if (absl::IsNotFound(bytes.status()) || absl::IsResourceExhausted(bytes.status())) {
    return 0;
  }
  WAYBILL_RETURN_IF_ERROR(bytes.status());
  const absl::StatusOr<model::DefinitionHead> head = model::DecodeHead(*bytes);
  return head.ok() && head->sms_id == row.sms_id ? head->offer_version : 0;
}

bool DefinitionLoop::Pass::IsCurrent(const DefinitionRow& row) {
  if (row.written_version == 0 || !model::CheckSmsId("sms_id", row.sms_id).ok()) {
    return true;  // Was never written, so it is in the other list; or can never be.
  }
  const absl::StatusOr<const tree::Directory*> directory = Domain(row.domain);
  if (!directory.ok()) {
    return true;
  }
  const absl::StatusOr<std::int64_t> found = FoundVersion(**directory, row);
  return found.ok() && *found >= row.written_version && *found <= row.offer_version;
}

absl::StatusOr<WrittenDefinition> DefinitionLoop::Pass::WriteOne(const DefinitionRow& row,
                                                                 std::vector<model::Offer> offers) {
  WAYBILL_RETURN_IF_ERROR(model::CheckSmsId("sms_id", row.sms_id));
  WAYBILL_ASSIGN_OR_RETURN(const tree::Directory* const directory, Domain(row.domain));
  WAYBILL_ASSIGN_OR_RETURN(const std::int64_t found, FoundVersion(*directory, row));
  if (found > row.offer_version) {
    return WrittenDefinition{.sms_id = row.sms_id, .found_version = found};
  }
  WAYBILL_ASSIGN_OR_RETURN(
      const std::string bytes,
      model::Encode(model::DefinitionFile{
          .sms_id = row.sms_id, .offer_version = row.offer_version, .offers = std::move(offers)}));
  WAYBILL_RETURN_IF_ERROR(directory->WriteFile(absl::StrCat(row.sms_id, ".ins"), bytes,
                                               {.mode = 0644, .durable = false}));
  return WrittenDefinition{.sms_id = row.sms_id, .written_version = row.offer_version};
}

absl::Status DefinitionLoop::Pass::Write(DefinitionStore& store,
                                         const std::vector<DefinitionRow>& rows) {
  WAYBILL_ASSIGN_OR_RETURN(const BatchOffers batch, ReadOffers(store, rows));
  std::vector<WrittenDefinition> written;
  std::vector<OfferedJob> offered;
  for (const DefinitionRow& row : rows) {
    std::vector<OfferedJob> jobs = batch.JobsOf(row.sms_id);
    absl::StatusOr<WrittenDefinition> one = WriteOne(row, batch.OffersOf(jobs));
    if (!one.ok()) {
      log::Error("cannot write a definition file",
                 {{"sms_id", row.sms_id}, {"domain", row.domain}, {"error", one.status()}});
      continue;
    }
    if (one->written_version != 0) {
      ++written_;
      std::move(jobs.begin(), jobs.end(), std::back_inserter(offered));
    } else {
      ++overtaken_;
    }
    written.push_back(*std::move(one));
  }
  return store.PutWritten(written, offered);
}

DefinitionLoop::DefinitionLoop(DefinitionStore& store, std::string site_directory, Notify notify,
                               Options options)
    : store_(store),
      site_directory_(std::move(site_directory)),
      notify_(std::move(notify)),
      options_(options),
      loop_("definitions", options_.poll_interval, [this] { return RunOnce(); }) {}

DefinitionLoop::~DefinitionLoop() {
  Stop();
}

absl::StatusOr<absl::Duration> DefinitionLoop::RunOnce() {
  WAYBILL_RETURN_IF_ERROR(Expire());
  WAYBILL_ASSIGN_OR_RETURN(std::optional<Pass> pass, Pass::Begin(site_directory_));
  if (!pass.has_value()) {
    return options_.locked_retry_interval;
  }
  if (!checked_) {
    WAYBILL_ASSIGN_OR_RETURN(checked_, CheckAll(*pass));
  }
  WAYBILL_RETURN_IF_ERROR(WriteUnwritten(*pass));
  if (pass->written() > 0) {
    WrittenFiles().Increment(static_cast<double>(pass->written()));
    log::Info("wrote definition files", {{"files", pass->written()}});
    notify_(model::kReplicateChannel);
    notify_(model::kOutboxChannel);
  }
  if (pass->overtaken() > 0) {
    return absl::ZeroDuration();
  }
  return store_.UntilNextExpiry();
}

absl::Status DefinitionLoop::Expire() {
  bool any = false;
  for (;;) {
    WAYBILL_ASSIGN_OR_RETURN(const int expired, store_.ExpireTargets(kExpireBatch));
    any = any || expired > 0;
    if (expired < kExpireBatch || loop_.IsStopping()) {
      break;
    }
  }
  if (any) {
    notify_(model::kOutboxChannel);
    notify_(model::kJobChannel);
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> DefinitionLoop::CheckAll(Pass& pass) {
  std::string after;
  for (;;) {
    WAYBILL_ASSIGN_OR_RETURN(const std::vector<DefinitionRow> rows,
                             store_.ListAll(after, options_.batch_max));
    if (rows.empty()) {
      return true;
    }
    if (loop_.IsStopping()) {
      return false;
    }
    std::vector<DefinitionRow> stale;
    for (const DefinitionRow& row : rows) {
      if (!pass.IsCurrent(row)) {
        stale.push_back(row);
      }
    }
    if (!stale.empty()) {
      WAYBILL_RETURN_IF_ERROR(pass.Write(store_, stale));
    }
    after = rows.back().sms_id;
  }
}

absl::Status DefinitionLoop::WriteUnwritten(Pass& pass) {
  std::string after;
  for (;;) {
    WAYBILL_ASSIGN_OR_RETURN(const std::vector<DefinitionRow> rows,
                             store_.ListUnwritten(after, options_.batch_max));
    if (rows.empty() || loop_.IsStopping()) {
      return absl::OkStatus();
    }
    WAYBILL_RETURN_IF_ERROR(pass.Write(store_, rows));
    after = rows.back().sms_id;
  }
}

}  // namespace waybill::despooler
