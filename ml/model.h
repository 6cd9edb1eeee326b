// A Model turns rows of named float inputs into rows of named float outputs. It is what scoring holds,
// whatever trained the model and whatever evaluates it.
//
// Own models derive from Model and implement evaluate():
//
//   class Ratio final : public weir::ml::Model {
//    public:
//     Ratio()
//         : Model({.name = "ratio", .version = "1"}, {.inputs = {"spent", "limit"}, .outputs = {"ratio"}}) {}
//
//    private:
//     void evaluate(const weir::ml::RowBatch& rows, std::span<float> scores) const override {
//       for (std::size_t i = 0; i < rows.rows(); ++i) scores[i] = rows.row(i)[0] / rows.row(i)[1];
//     }
//   };
//
// Thread safety: a model does not change after construction. Any number of threads may call one at the same
// time; share it as std::shared_ptr<const Model>.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>

#include <weir/ml/row_batch.h>

namespace weir::ml {

// Says which model this is. `digest` identifies the bytes it was read from: the SHA-256 in lower-case
// hexadecimal where a loader made the model, empty where code did.
struct ModelIdentity {
  std::string name;
  std::string version;
  std::string digest = "";
};

// Names the columns that go in and come out, in order. Input names are unique.
struct ModelSchema {
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
};

// What a model's answers are precise to: what its trainer's own predictor answers with.
enum class Precision { kFloat, kDouble };

class Model {
 public:
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;
  virtual ~Model() = default;

  const std::string& name() const { return identity_.name; }
  const std::string& version() const { return identity_.version; }
  const std::string& digest() const { return identity_.digest; }

  std::span<const std::string> inputs() const { return schema_.inputs; }
  std::span<const std::string> outputs() const { return schema_.outputs; }

  // Returns the column an input is expected in, or nothing when the model has no input of that name. Compares
  // name by name: meant for wiring, not for every record.
  std::optional<std::size_t> input_index(std::string_view name) const;

  // Scores every row of `rows` into `scores`, which holds rows() * outputs().size() floats, row after row.
  //
  // Fails, with INVALID_ARGUMENT and before it writes anything, only when the shapes disagree: other columns
  // than inputs(), values that are no whole number of rows, or `scores` of another length. A row cannot fail:
  // one that has no score gets NaN, and its neighbours are not touched by that. The scores of a row depend on
  // that row alone, not on the batch it came in, and nothing is allocated.
  [[nodiscard]] absl::Status predict(const RowBatch& rows, std::span<float> scores) const;

  // The same with doubles, for models that are more precise than floats (see precision()): rows and scores are
  // taken and given as they are. Other models get their rows rounded to floats, and nothing is gained.
  [[nodiscard]] absl::Status predict(const DoubleRowBatch& rows, std::span<double> scores) const;

  // Returns whether the two overloads of predict() differ.
  virtual Precision precision() const { return Precision::kFloat; }

  // Scores one row. Same rules as predict().
  [[nodiscard]] absl::Status predict_row(std::span<const float> row, std::span<float> scores) const;

 protected:
  Model(ModelIdentity identity, ModelSchema schema);

 private:
  // Scores `rows` into `scores`; the shapes have been checked. Must keep the promises of predict(): called
  // from many threads at once, one row's scores independent of the others, no allocation, NaN for a row
  // without a score.
  virtual void evaluate(const RowBatch& rows, std::span<float> scores) const = 0;

  // The same for doubles. Unless overridden, goes through evaluate().
  virtual void evaluate_double(const DoubleRowBatch& rows, std::span<double> scores) const;

  // Refuses shapes that disagree.
  absl::Status check_shapes(std::size_t columns, std::size_t values, std::size_t scores) const;

  const ModelIdentity identity_;
  const ModelSchema schema_;
};

}  // namespace weir::ml
