#ifndef WAYBILL_SERVICES_SCHEDULER_SITE_FIXTURE_TEST_H_
#define WAYBILL_SERVICES_SCHEDULER_SITE_FIXTURE_TEST_H_

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "common/jobdb/database.h"
#include "common/jobdb/test_database.h"
#include "common/status/check.h"

#include "scheduler_sql.h"
#include "waybill/job/v1/job.pb.h"

namespace waybill::scheduler {

/// The job database of one site for tests of stores, services and loops: site CEN with children
/// NYC and BOS, LAB below BOS, and a package "CEN00001" with a source, one command and, if asked
/// for, versions. Another site's database is made by naming the site and its parent.
class SiteFixture {
 public:
  explicit SiteFixture(absl::string_view site_code = "CEN", absl::string_view parent = "")
      : site_code_(site_code) {
    db.Execute(absl::StrCat("INSERT INTO waybill.self (site_code, parent_site_code) VALUES ('",
                            site_code, "', nullif('", parent, "', ''))"));
    AddSite(site_code, parent);
    if (site_code == "CEN") {
      AddSite("NYC", "CEN");
      AddSite("BOS", "CEN");
      AddSite("LAB", "BOS");
    }
    db.Execute(
        "INSERT INTO waybill.package (package_id, request_id, name, source_directory) "
        "VALUES ('CEN00001', 'p1', 'office', '/src/office');"
        "INSERT INTO waybill.package_command VALUES "
        "('CEN00001', 'install', 1, '{setup,--quiet}', '5 min', '{0,3}', '{linux}')");
    jobdb::Database::Options options;
    options.uri = db.uri();
    auto opened = jobdb::Database::Open(options, sql::kAll);
    WAYBILL_CHECK(opened.ok());
    database = *std::move(opened);
  }

  void AddSite(absl::string_view site_code, absl::string_view parent) const {
    db.Execute(absl::StrCat("INSERT INTO waybill.site (site_code, parent_site_code) VALUES ('",
                            site_code, "', nullif('", parent, "', ''))"));
  }

  /// `digit` repeated makes the version: 'a' is "aaaa...".
  void AddVersion(char digit, absl::string_view package_id = "CEN00001") const {
    const std::string version = Version(digit);
    db.Execute(absl::StrCat(
        "INSERT INTO waybill.package_version (package_id, version, content_digest, entry_count, "
        "file_count, plain_bytes, stored_bytes, manifest_bytes, create_time) VALUES ('",
        package_id, "', '\\x", version, "', '\\x", version,
        "', 1, 1, 10, 5, 100, clock_timestamp())"));
  }

  void AddWorkstation(absl::string_view sms_id, absl::string_view domain,
                      absl::string_view host_name) const {
    db.Execute(absl::StrCat(
        "INSERT INTO waybill.workstation (sms_id, site_code, host_name, domain) VALUES ('", sms_id,
        "', '", sms_id.substr(0, 3), "', '", host_name, "', '", domain, "')"));
  }

  /// Four at NYC, one at BOS, one at LAB.
  void AddWorkstations() const {
    AddWorkstation("NYC00001", "SALES", "pc1");
    AddWorkstation("NYC00002", "SALES", "pc2");
    AddWorkstation("NYC00003", "LEGAL", "pc3");
    AddWorkstation("NYC00004", "LEGAL", "pc4");
    AddWorkstation("BOS00001", "SALES", "pc1");
    AddWorkstation("LAB00001", "SALES", "pc1");
  }

  static std::string Version(char digit) { return std::string(64, digit); }

  std::string Text(const std::string& sql) const { return db.QueryText(sql); }

  /// All rows of `sql`, which selects one text column "v", joined by spaces in its order.
  std::string Joined(const std::string& sql) const {
    return db.QueryText(
        absl::StrCat("SELECT coalesce(string_agg(v, ' '), '') FROM (", sql, ") AS q (v)"));
  }

  const std::string site_code_;
  jobdb::TestDatabase db;
  std::unique_ptr<jobdb::Database> database;
};

/// A run job for `path` with the fixture's package.
inline job::v1::JobSpec RunSpec(absl::string_view path) {
  job::v1::JobSpec spec;
  spec.set_type(job::v1::JOB_TYPE_RUN_COMMAND);
  spec.set_package_id("CEN00001");
  spec.mutable_target()->set_machine_path(std::string(path));
  spec.mutable_run_phase()->set_command("install");
  return spec;
}

inline job::v1::JobSpec ShareSpec(std::initializer_list<const char*> site_codes) {
  job::v1::JobSpec spec;
  spec.set_type(job::v1::JOB_TYPE_SHARE_PACKAGE);
  spec.set_package_id("CEN00001");
  for (const char* site_code : site_codes) {
    spec.mutable_target()->mutable_sites()->add_site_codes(site_code);
  }
  spec.mutable_distribute_phase()->set_put_on_specified(true);
  return spec;
}

inline job::v1::JobSpec RemoveSpec(std::initializer_list<const char*> site_codes) {
  job::v1::JobSpec spec = ShareSpec(site_codes);
  spec.set_type(job::v1::JOB_TYPE_REMOVE_PACKAGE);
  spec.clear_distribute_phase();
  if (site_codes.size() == 0) {
    spec.clear_target();
  }
  return spec;
}

}  // namespace waybill::scheduler

#endif  // WAYBILL_SERVICES_SCHEDULER_SITE_FIXTURE_TEST_H_
