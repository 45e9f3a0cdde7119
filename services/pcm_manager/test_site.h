#ifndef WAYBILL_SERVICES_PCM_MANAGER_TEST_SITE_H_
#define WAYBILL_SERVICES_PCM_MANAGER_TEST_SITE_H_

#include <memory>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/clock/clock.h"
#include "common/clock/fake_clock.h"
#include "common/jobdb/database.h"
#include "common/jobdb/test_database.h"
#include "common/model/definition_file.h"
#include "common/thread/mutex.h"
#include "common/tree/directory.h"
#include "common/tree/test_directory.h"
#include "services/pcm_manager/definition_files.h"
#include "services/pcm_manager/logon_server_loop.h"
#include "services/pcm_manager/pcm_store.h"
#include "services/pcm_manager/replicate_loop.h"

#include "pcm_manager_sql.h"

namespace waybill::pcm_manager {

/// Site NYC for component tests: a job database, site.srv and logon servers in one directory. Rows
/// and files that other services would have written are made here.
class TestSite {
 public:
  TestSite() {
    database_.Execute(
        "INSERT INTO waybill.self (site_code, parent_site_code) VALUES ('NYC', 'CEN')");
    database_.Execute(
        "INSERT INTO waybill.package (package_id, name) VALUES ('CEN00001', 'office')");
    EXPECT_TRUE(root_.MakeDirectories("site/site.srv/mancfg.box/SALES.000").ok());
  }

  jobdb::TestDatabase& database() { return database_; }
  PcmStore& store() { return store_; }
  ServedFiles& served() { return served_; }
  clock::FakeClock& clock() { return clock_; }
  const tree::Directory& root() const { return root_; }
  std::string Path(absl::string_view name) const {
    return absl::StrCat(directory_.path(), "/", name);
  }

  std::unique_ptr<ReplicateLoop> MakeLoop() {
    return std::make_unique<ReplicateLoop>(
        Path("site"), masters_,
        CopyParts{.masters = masters_,
                  .served = served_,
                  .store = store_,
                  .clock = clock_,
                  .notify = [this](absl::string_view channel) { Notify(channel); },
                  .random = [] { return 0.5; }},
        ReplicateLoop::Options{});
  }

  void AddWorkstation(const std::string& sms_id, const std::string& site_code = "NYC") {
    database_.Execute(absl::StrCat(
        "INSERT INTO waybill.workstation (sms_id, site_code, host_name, domain) VALUES ('", sms_id,
        "', '", site_code, "', 'h", sms_id, "', 'SALES')"));
  }

  void AddLogonServer(const std::string& server_name) {
    EXPECT_TRUE(root_.MakeDirectories(server_name).ok());
    database_.Execute(
        absl::StrCat("INSERT INTO waybill.logon_server (server_name, directory) VALUES ('",
                     server_name, "', '", Path(server_name), "')"));
  }

  /// A run job; `columns` sets others, such as "cancel_epoch = 1".
  void AddJob(const std::string& job_id, const std::string& columns = "") {
    database_.Execute(absl::StrCat(
        "INSERT INTO waybill.job (job_id, origin_site_code, type, package_id, priority, "
        "target_kind, start_after, deadline, send_phase, command_name, arguments, "
        "success_exit_codes, offer_after, state) VALUES ('",
        job_id, "', 'CEN', 1, 'CEN00001', 2, 1, now(), now() + interval '7 days', 1, 'install', ",
        "'{setup}', '{0,3010}', now() - interval '1 hour', 2)"));
    if (!columns.empty()) {
      database_.Execute(
          absl::StrCat("UPDATE waybill.job SET ", columns, " WHERE job_id = '", job_id, "'"));
    }
  }

  void AddTarget(const std::string& job_id, const std::string& sms_id, int state,
                 const std::string& reason = "") {
    database_.Execute(absl::StrCat(
        "INSERT INTO waybill.job_target (job_id, sms_id, site_code, state, reason) VALUES ('",
        job_id, "', '", sms_id, "', 'NYC', ", state, ", '", reason, "')"));
  }

  /// What the Despooler does: the row, and the file in site.srv.
  void WriteDefinition(const std::string& sms_id, std::int64_t version,
                       std::vector<model::Offer> offers = {}) {
    WriteMaster(sms_id, Encode(sms_id, version, std::move(offers)));
    PutRow(sms_id, version);
  }
  void WriteMaster(const std::string& sms_id, const std::string& bytes) {
    EXPECT_TRUE(root_
                    .WriteFile(absl::StrCat("site/site.srv/mancfg.box/SALES.000/", sms_id, ".ins"),
                               bytes, {.durable = false})
                    .ok());
  }
  void PutRow(const std::string& sms_id, std::int64_t version) {
    database_.Execute(absl::StrCat(
        "INSERT INTO waybill.pcm_definition (sms_id, domain, offer_version, written_version) "
        "VALUES ('",
        sms_id, "', 'SALES', ", version, ", ", version,
        ") ON CONFLICT (sms_id) DO UPDATE SET offer_version = excluded.offer_version, "
        "written_version = excluded.written_version, change_time = now()"));
  }

  static std::string Encode(const std::string& sms_id, std::int64_t version,
                            std::vector<model::Offer> offers = {}) {
    return model::Encode({.sms_id = sms_id, .offer_version = version, .offers = std::move(offers)})
        .value();
  }

  /// The version of the file that stands at a logon server, 0 if none does.
  std::int64_t StandingVersion(const std::string& server_name, const std::string& sms_id) const {
    const auto bytes = root_.ReadFile(
        absl::StrCat(server_name, "/logon.srv/pcmins.box/", sms_id, ".ins"), 1 << 20);
    if (!bytes.ok()) return 0;
    return model::DecodeHead(*bytes).value().offer_version;
  }

  std::string Target(const std::string& column, const std::string& job_id,
                     const std::string& sms_id) const {
    return database_.QueryText(absl::StrCat("SELECT coalesce((", column,
                                            ")::text, 'NULL') FROM waybill.job_target WHERE ",
                                            "job_id = '", job_id, "' AND sms_id = '", sms_id, "'"));
  }

  std::string OfferVersion(const std::string& sms_id) const {
    return database_.QueryText(absl::StrCat(
        "SELECT offer_version FROM waybill.pcm_definition WHERE sms_id = '", sms_id, "'"));
  }

  void Notify(absl::string_view channel) {
    const MutexLock lock(mutex_);
    notified_.insert(std::string(channel));
  }
  std::set<std::string> TakeNotified() {
    const MutexLock lock(mutex_);
    return std::exchange(notified_, {});
  }

 private:
  jobdb::TestDatabase database_;
  const tree::TestDirectory directory_;
  const tree::Directory root_ = directory_.Open();
  std::unique_ptr<jobdb::Database> connection_ =
      jobdb::Database::Open({.uri = database_.uri(), .sessions_max = 8}, sql::kAll).value();
  PcmStore store_ = PcmStore(*connection_, "NYC");
  MasterFiles masters_;
  ServedFiles served_;
  clock::FakeClock clock_;
  Mutex mutex_;
  std::set<std::string> notified_;
};

}  // namespace waybill::pcm_manager

#endif  // WAYBILL_SERVICES_PCM_MANAGER_TEST_SITE_H_
