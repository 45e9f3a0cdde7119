#ifndef WAYBILL_SERVICES_SENDER_TEST_QUEUE_H_
#define WAYBILL_SERVICES_SENDER_TEST_QUEUE_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"

#include "common/jobdb/database.h"
#include "common/jobdb/test_database.h"

#include "sender_sql.h"

namespace waybill::sender {

/// The job database of site CEN with children NYC (which has a child, LAB) and BOS, and a package.
/// Rows that other services would have written are inserted by SQL.
class TestQueue {
 public:
  TestQueue() {
    db_.Execute(
        "INSERT INTO waybill.self (site_code) VALUES ('CEN');"
        "INSERT INTO waybill.site VALUES ('CEN', NULL), ('NYC', 'CEN'), ('BOS', 'CEN'), ('LAB', "
        "'NYC');"
        "INSERT INTO waybill.address VALUES ('CEN', '127.0.0.1:1', 3), ('NYC', '127.0.0.1:2', 2);"
        "INSERT INTO waybill.package (package_id, request_id, name) VALUES ('CEN00001', 'r', "
        "'office');"
        "INSERT INTO waybill.package_version VALUES ('CEN00001', decode(repeat('ab', 32), 'hex'), "
        "decode(repeat('cd', 32), 'hex'), 3, 2, 1000, 700, 90)");
  }

  jobdb::Database& database() { return *database_; }
  void Execute(const std::string& sql) const { db_.Execute(sql); }
  std::string Query(const std::string& sql) const { return db_.QueryText(sql); }

  void WhileOpen(const std::string& sql, const std::function<void()>& step) const {
    db_.WhileOpen(sql, step);
  }

  /// A run job with targets at NYC and LAB.
  void AddJob(const std::string& job_id) const {
    db_.Execute(absl::StrCat(
        "INSERT INTO waybill.job (job_id, origin_site_code, type, comment, package_id, version, "
        "priority, target_kind, start_after, deadline, send_phase, put_on_specified, server_group, "
        "command_name, arguments, time_limit, success_exit_codes, platforms, offer_after, "
        "mandatory_after, state) VALUES ('",
        job_id,
        "', 'CEN', 1, 'a comment', 'CEN00001', decode(repeat('ab', 32), 'hex'), 2, 1, now(), now() "
        "+ interval '7 days', 2, true, 'Fast', 'install', '{setup,--quiet}', '90 s', '{0,3010}', "
        "'{windows}', now(), now(), 2);"
        "INSERT INTO waybill.job_site (job_id, site_code, send_state) SELECT '",
        job_id,
        "', s, 2 FROM unnest('{CEN,NYC,LAB}'::text[]) s;"
        "INSERT INTO waybill.job_target (job_id, sms_id, site_code) VALUES ('",
        job_id, "', 'NYC00001', 'NYC'), ('", job_id, "', 'LAB00001', 'LAB'), ('", job_id,
        "', 'LAB00002', 'LAB'), ('", job_id, "', 'CEN00001', 'CEN')"));
  }

  void AddRequest(const std::string& job_id, const std::string& site_code, int priority = 2,
                  int revision = 1) const {
    db_.Execute(absl::StrCat(
        "INSERT INTO waybill.send_request (job_id, site_code, revision, with_targets, package_id, "
        "version, priority) VALUES ('",
        job_id, "','", site_code, "',", revision,
        ", true, 'CEN00001', decode(repeat('ab', 32), 'hex'), ", priority, ")"));
  }

  std::string Request(int send_request_id) const {
    return Query(absl::StrCat(
        "SELECT state || ' ' || reason FROM waybill.send_request WHERE send_request_id = ",
        send_request_id));
  }

  /// "CEN2 LAB2 NYC3": the send state of each target site.
  std::string Sites() const {
    return Query(
        "SELECT string_agg(site_code || send_state, ' ' ORDER BY site_code) FROM waybill.job_site");
  }

 private:
  const jobdb::TestDatabase db_;
  const std::unique_ptr<jobdb::Database> database_ =
      jobdb::Database::Open({.uri = db_.uri()}, sql::kAll).value();
};

}  // namespace waybill::sender

#endif  // WAYBILL_SERVICES_SENDER_TEST_QUEUE_H_
