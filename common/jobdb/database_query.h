#ifndef WAYBILL_COMMON_JOBDB_DATABASE_QUERY_H_
#define WAYBILL_COMMON_JOBDB_DATABASE_QUERY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <pqxx/pqxx>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

#include "common/jobdb/database.h"
#include "common/jobdb/parameters.h"
#include "common/jobdb/statement.h"
#include "common/status/status_macros.h"

/// How stores run statements. Included by `*_store.cc` only, because it brings libpqxx with it.
///
///   constexpr auto kFromRow = [](const pqxx::row& row) { return Job{row["job_id"].c_str(), ...};
///   }; return jobdb::GetOne(database_, absl::NotFoundError("no such job"), sql::kGetJob, kFromRow,
///   job_id);
///
/// A function that takes the Database is a transaction of its own and returns a status as
/// Database::Run says. One that takes `work` is a step inside a body given to Database::Run; there
/// libpqxx's exceptions are left to Run, which turns them into that transaction's status.
/// Parameters are encoded as parameters.h says; `from_row` is a function of `const pqxx::row&`.
namespace waybill::jobdb {

/// Runs a prepared statement; every statement of a store goes through here.
pqxx::result ExecPrepared(pqxx::transaction_base& work, const Statement& statement,
                          absl::Span<const EncodedParameter> parameters);

template <typename FromRow>
using RowOf = std::decay_t<std::invoke_result_t<FromRow, const pqxx::row&>>;

/// All rows, in the statement's order. Put a LIMIT into the statement.
template <typename FromRow, typename... Parameters>
std::vector<RowOf<FromRow>> Query(pqxx::transaction_base& work, const Statement& statement,
                                  FromRow&& from_row, const Parameters&... parameters) {
  const std::vector<EncodedParameter> encoded = {Encode(parameters)...};
  const pqxx::result result = ExecPrepared(work, statement, encoded);
  std::vector<RowOf<FromRow>> rows;
  rows.reserve(result.size());
  for (const pqxx::row& row : result) {
    rows.push_back(from_row(row));
  }
  return rows;
}

template <typename FromRow, typename... Parameters>
absl::StatusOr<std::vector<RowOf<FromRow>>> Query(Database& database, const Statement& statement,
                                                  FromRow&& from_row,
                                                  const Parameters&... parameters) {
  std::vector<RowOf<FromRow>> rows;
  WAYBILL_RETURN_IF_ERROR(database.Run(statement, [&](pqxx::transaction_base& work) {
    rows = Query(work, statement, from_row, parameters...);
    return absl::OkStatus();
  }));
  return rows;
}

/// The first row, or nothing.
template <typename FromRow, typename... Parameters>
std::optional<RowOf<FromRow>> FindOne(pqxx::transaction_base& work, const Statement& statement,
                                      FromRow&& from_row, const Parameters&... parameters) {
  std::vector<RowOf<FromRow>> rows = Query(work, statement, from_row, parameters...);
  if (rows.empty()) {
    return std::nullopt;
  }
  return std::move(rows.front());
}

template <typename FromRow, typename... Parameters>
absl::StatusOr<std::optional<RowOf<FromRow>>> FindOne(Database& database,
                                                      const Statement& statement,
                                                      FromRow&& from_row,
                                                      const Parameters&... parameters) {
  WAYBILL_ASSIGN_OR_RETURN(std::vector<RowOf<FromRow>> rows,
                           Query(database, statement, from_row, parameters...));
  if (rows.empty()) {
    return std::optional<RowOf<FromRow>>();
  }
  return std::optional<RowOf<FromRow>>(std::move(rows.front()));
}

/// As FindOne, with `if_none` as the error when there is no row.
template <typename FromRow, typename... Parameters>
absl::StatusOr<RowOf<FromRow>> GetOne(Database& database, const absl::Status& if_none,
                                      const Statement& statement, FromRow&& from_row,
                                      const Parameters&... parameters) {
  WAYBILL_ASSIGN_OR_RETURN(std::vector<RowOf<FromRow>> rows,
                           Query(database, statement, from_row, parameters...));
  if (rows.empty()) {
    return if_none;
  }
  return std::move(rows.front());
}

/// Returns how many rows the statement changed (or returned).
template <typename... Parameters>
std::int64_t Execute(pqxx::transaction_base& work, const Statement& statement,
                     const Parameters&... parameters) {
  const std::vector<EncodedParameter> encoded = {Encode(parameters)...};
  return static_cast<std::int64_t>(ExecPrepared(work, statement, encoded).affected_rows());
}

template <typename... Parameters>
absl::StatusOr<std::int64_t> Execute(Database& database, const Statement& statement,
                                     const Parameters&... parameters) {
  std::int64_t affected = 0;
  WAYBILL_RETURN_IF_ERROR(database.Run(statement, [&](pqxx::transaction_base& work) {
    affected = Execute(work, statement, parameters...);
    return absl::OkStatus();
  }));
  return affected;
}

/// Fields that libpqxx does not read: timestamptz, bytea, and arrays without NULL in them. For use
/// in `from_row`: a field of another type throws, and the transaction ends with INTERNAL. Text,
/// numbers and bool are `field.as<T>()`.
absl::Time ReadTime(const pqxx::field& field);
std::optional<absl::Time> ReadOptionalTime(const pqxx::field& field);
std::string ReadBytes(const pqxx::field& field);
std::vector<std::string> ReadTextArray(const pqxx::field& field);
std::vector<std::int64_t> ReadIntegerArray(const pqxx::field& field);

/// Nothing for NULL.
template <typename T>
std::optional<T> ReadOptional(const pqxx::field& field) {
  if (field.is_null()) {
    return std::nullopt;
  }
  return field.as<T>();
}

}  // namespace waybill::jobdb

#endif  // WAYBILL_COMMON_JOBDB_DATABASE_QUERY_H_
