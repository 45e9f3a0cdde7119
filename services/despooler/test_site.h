#ifndef WAYBILL_SERVICES_DESPOOLER_TEST_SITE_H_
#define WAYBILL_SERVICES_DESPOOLER_TEST_SITE_H_

#include <memory>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "common/clock/fake_clock.h"
#include "common/content/chunk_store.h"
#include "common/content/digest.h"
#include "common/content/import.h"
#include "common/content/manifest.h"
#include "common/jobdb/database.h"
#include "common/jobdb/test_database.h"
#include "common/thread/mutex.h"
#include "common/tree/directory.h"
#include "common/tree/test_directory.h"
#include "services/despooler/distribute_store.h"
#include "services/despooler/placement.h"
#include "services/despooler/temporary_tree_files.h"

#include "despooler_sql.h"

namespace waybill::despooler {

/// Site NYC for component tests: a job database, a store, drives, shares and logon files in one
/// directory. Rows that other services would have written are inserted by SQL.
class TestSite {
 public:
  TestSite() {
    database_.Execute(
        "INSERT INTO waybill.self (site_code, parent_site_code) VALUES ('NYC', 'CEN')");
    for (const char* name : {"store", "c", "d", "source"}) {
      EXPECT_TRUE(root_.MakeDirectory(name).ok());
    }
    content_ = content::ChunkStore::Open(root_.OpenDirectory("store").value()).value();
  }

  jobdb::TestDatabase& server() { return database_; }
  jobdb::Database& database() { return *connection_; }
  content::ChunkStore& content() { return *content_; }
  clock::FakeClock& clock() { return clock_; }
  const tree::Directory& root() const { return root_; }
  std::string Path(absl::string_view name) const {
    return absl::StrCat(directory_.path(), "/", name);
  }

  SiteDrives Drives() const {
    return {.directories = {Path("c"), Path("d")},
            .reserve_bytes = 0,
            .measure_space = [](const tree::Directory& directory) { return directory.Space(); }};
  }

  /// A version with these files ("dir/name" -> bytes), in the store and in package_version.
  content::Digest AddVersion(const std::string& package_id,
                             const std::vector<std::pair<std::string, std::string>>& files) {
    EXPECT_TRUE(root_.RemoveTree("source").ok());
    const tree::Directory source = root_.MakeDirectories("source").value();
    for (const auto& [path, bytes] : files) {
      const std::size_t slash = path.rfind('/');
      if (slash != std::string::npos) {
        EXPECT_TRUE(source.MakeDirectories(path.substr(0, slash)).ok());
      }
      EXPECT_TRUE(source.WriteFile(path, bytes).ok());
    }
    content::ImportOptions options;
    options.package_id = package_id;
    content::ImportResult imported = content::ImportTree(source, *content_, options).value();
    EXPECT_EQ(imported.manifest.Commit().value(), imported.version);
    database_.Execute(absl::StrCat("INSERT INTO waybill.package (package_id, name) VALUES ('",
                                   package_id, "', 'office') ON CONFLICT DO NOTHING"));
    database_.Execute(absl::StrCat(
        "INSERT INTO waybill.package_version (package_id, version, content_digest, entry_count, "
        "file_count, plain_bytes, stored_bytes, manifest_bytes) VALUES ('",
        package_id, "', '\\x", imported.version.ToHex(), "', '\\x",
        imported.totals.content_digest.ToHex(), "', ", imported.totals.entry_count, ", ",
        imported.totals.file_count, ", ", imported.totals.plain_bytes, ", ", imported.stored_bytes,
        ", ", imported.manifest_bytes, ")"));
    return imported.version;
  }

  /// A server with one share, whose directory is made.
  void AddServer(const std::string& server_name, const std::string& drive = "c") {
    const std::string directory = absl::StrCat(server_name, drive);
    EXPECT_TRUE(root_.MakeDirectory(directory).ok());
    database_.Execute(absl::StrCat(
        "INSERT INTO waybill.distribution_server (site_code, server_name) VALUES ('NYC', '",
        server_name, "') ON CONFLICT DO NOTHING"));
    database_.Execute(absl::StrCat(
        "INSERT INTO waybill.distribution_share (site_code, server_name, drive, directory) VALUES "
        "('NYC', '",
        server_name, "', '", drive, "', '", Path(directory), "')"));
  }

  /// A run job of `version` (null: every version, for type 3) as it stands after its commit.
  void AddJob(const std::string& job_id, const std::string& package_id,
              const content::Digest* version, int type = 1) {
    const bool runs = type == 1;
    database_.Execute(absl::StrCat(
        "INSERT INTO waybill.job (job_id, origin_site_code, type, package_id, version, priority, "
        "target_kind, start_after, deadline, send_phase, command_name, arguments, offer_after, "
        "state) VALUES ('",
        job_id, "', 'CEN', ", type, ", '", package_id, "', ",
        version == nullptr ? "NULL" : absl::StrCat("'\\x", version->ToHex(), "'"),
        ", 2, 1, now(), now() + interval '7 days', 1, '", runs ? "install" : "", "', ",
        runs ? "'{setup,--quiet}', now()" : "'{}', NULL", ", 2)"));
    database_.Execute(
        absl::StrCat("INSERT INTO waybill.job_site (job_id, site_code, send_state, commit_seen) "
                     "VALUES ('",
                     job_id, "', 'NYC', 6, true)"));
    database_.Execute(
        absl::StrCat("INSERT INTO waybill.instruction (job_id, revision, forward_time) VALUES ('",
                     job_id, "', 1, now())"));
  }

  void AddJobServer(const std::string& job_id, const std::string& server_name, int state = 1) {
    database_.Execute(absl::StrCat(
        "INSERT INTO waybill.job_server (job_id, site_code, server_name, state, next_time) VALUES "
        "('",
        job_id, "', 'NYC', '", server_name, "', ", state, ", now())"));
  }

  void AddWorkstation(const std::string& sms_id, const std::string& domain = "SALES") {
    database_.Execute(absl::StrCat(
        "INSERT INTO waybill.workstation (sms_id, site_code, host_name, domain) VALUES ('", sms_id,
        "', 'NYC', 'h", sms_id, "', '", domain, "')"));
  }

  void AddTarget(const std::string& job_id, const std::string& sms_id, int state = 1) {
    database_.Execute(
        absl::StrCat("INSERT INTO waybill.job_target (job_id, sms_id, site_code, state) VALUES ('",
                     job_id, "', '", sms_id, "', 'NYC', ", state, ")"));
  }

  std::string ServerState(const std::string& job_id, const std::string& server_name) const {
    return database_.QueryText(
        absl::StrCat("SELECT state || ' ' || reason FROM waybill.job_server WHERE job_id = '",
                     job_id, "' AND server_name = '", server_name, "'"));
  }

  std::string TargetState(const std::string& job_id, const std::string& sms_id) const {
    return database_.QueryText(
        absl::StrCat("SELECT state || ' ' || reason FROM waybill.job_target WHERE job_id = '",
                     job_id, "' AND sms_id = '", sms_id, "'"));
  }

  std::string Count(const std::string& from_where) const {
    return database_.QueryText(absl::StrCat("SELECT count(*) FROM waybill.", from_where));
  }

  /// As if the waits and leases of all rows were over.
  void LetTimePass() {
    database_.Execute(
        "UPDATE waybill.job_server SET next_time = now(), lease_end_time = now() - interval '1 s' "
        "WHERE state IN (1, 2, 4, 6)");
  }

  /// Collects what loops say, and from which thread does not matter.
  void Notify(absl::string_view channel) {
    const MutexLock lock(mutex_);
    notified_.insert(std::string(channel));
  }
  std::set<std::string> notified() {
    const MutexLock lock(mutex_);
    return notified_;
  }

 private:
  jobdb::TestDatabase database_;
  const tree::TestDirectory directory_;
  const tree::Directory root_ = directory_.Open();
  std::unique_ptr<jobdb::Database> connection_ =
      jobdb::Database::Open({.uri = database_.uri(), .sessions_max = 8}, sql::kAll).value();
  std::unique_ptr<content::ChunkStore> content_;
  clock::FakeClock clock_;
  Mutex mutex_;
  std::set<std::string> notified_;
};

}  // namespace waybill::despooler

#endif  // WAYBILL_SERVICES_DESPOOLER_TEST_SITE_H_
