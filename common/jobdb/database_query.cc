#include "common/jobdb/database_query.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <pqxx/pqxx>

#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

#include "common/jobdb/parameters.h"
#include "common/jobdb/statement.h"
#include "common/jobdb/statement_log.h"

namespace waybill::jobdb {
namespace {

absl::string_view TextOf(const pqxx::field& field) {
  return {field.c_str(), field.size()};
}

template <typename T>
T ValueOrThrow(absl::StatusOr<T> value, const pqxx::field& field) {
  if (field.is_null() || !value.ok()) {
    throw pqxx::conversion_error(absl::StrCat("column ", field.name(), ": ",
                                              field.is_null() ? "NULL" : value.status().message()));
  }
  return *std::move(value);
}

std::vector<std::string> ReadElements(const pqxx::field& field) {
  std::vector<std::string> elements;
  for (EncodedParameter& element : ValueOrThrow(DecodeArray(TextOf(field)), field)) {
    if (!element.has_value()) {
      throw pqxx::conversion_error(absl::StrCat("column ", field.name(), ": NULL in an array"));
    }
    elements.push_back(*std::move(element));
  }
  return elements;
}

}  // namespace

pqxx::result ExecPrepared(pqxx::transaction_base& work, const Statement& statement,
                          absl::Span<const EncodedParameter> parameters) {
  std::vector<const char*> values;
  values.reserve(parameters.size());
  for (const EncodedParameter& parameter : parameters) {
    // libpq takes C strings: the rest after a NUL would be lost in silence.
    if (parameter.has_value() && parameter->find('\0') != std::string::npos) {
      throw pqxx::argument_error("a text parameter contains NUL");
    }
    values.push_back(parameter.has_value() ? parameter->c_str() : nullptr);
  }
  pqxx::result result =
      work.exec_prepared(statement.name, pqxx::prepare::make_dynamic_params(values));
  RecordExecuted(statement);
  return result;
}

absl::Time ReadTime(const pqxx::field& field) {
  return ValueOrThrow(DecodeTime(TextOf(field)), field);
}

std::optional<absl::Time> ReadOptionalTime(const pqxx::field& field) {
  if (field.is_null()) {
    return std::nullopt;
  }
  return ReadTime(field);
}

std::string ReadBytes(const pqxx::field& field) {
  return ValueOrThrow(DecodeBytes(TextOf(field)), field);
}

std::vector<std::string> ReadTextArray(const pqxx::field& field) {
  return ReadElements(field);
}

std::vector<std::int64_t> ReadIntegerArray(const pqxx::field& field) {
  std::vector<std::int64_t> numbers;
  for (const std::string& element : ReadElements(field)) {
    if (!absl::SimpleAtoi(element, &numbers.emplace_back())) {
      throw pqxx::conversion_error(absl::StrCat("column ", field.name(), ": not an integer"));
    }
  }
  return numbers;
}

}  // namespace waybill::jobdb
