// Written by `make verify-page` from the Python verifier's own tables. Change them there.

export const ERRORS = {
 "MalformedRecord": {
  "weight": "tampered",
  "remedy": "Keep the bundle as it is, obtain a second copy from the archive bucket, and compare. See docs/threat-model.md."
 },
 "NonCanonicalRecord": {
  "weight": "tampered",
  "remedy": "Keep the bundle as it is, obtain a second copy from the archive bucket, and compare. See docs/threat-model.md."
 },
 "WrongPayloadType": {
  "weight": "tampered",
  "remedy": "Keep the bundle as it is, obtain a second copy from the archive bucket, and compare. See docs/threat-model.md."
 },
 "UnknownPredicate": {
  "weight": "tampered",
  "remedy": "Keep the bundle as it is, obtain a second copy from the archive bucket, and compare. See docs/threat-model.md."
 },
 "UnknownKey": {
  "weight": "tampered",
  "remedy": "Keep the bundle as it is, obtain a second copy from the archive bucket, and compare. See docs/threat-model.md."
 },
 "KeyNotValidAtIndex": {
  "weight": "tampered",
  "remedy": "Keep the bundle as it is, obtain a second copy from the archive bucket, and compare. See docs/threat-model.md."
 },
 "BadSignature": {
  "weight": "tampered",
  "remedy": "Keep the bundle as it is, obtain a second copy from the archive bucket, and compare. See docs/threat-model.md."
 },
 "WrongLedger": {
  "weight": "tampered",
  "remedy": "Keep the bundle as it is, obtain a second copy from the archive bucket, and compare. See docs/threat-model.md."
 },
 "DuplicateSubject": {
  "weight": "tampered",
  "remedy": "Keep the bundle as it is, obtain a second copy from the archive bucket, and compare. See docs/threat-model.md."
 },
 "FutureTimestamp": {
  "weight": "tampered",
  "remedy": "See that --as-of and this machine's clock are right. If they are: Keep the bundle as it is, obtain a second copy from the archive bucket, and compare. See docs/threat-model.md."
 },
 "EvidenceMismatch": {
  "weight": "tampered",
  "remedy": "Keep the bundle as it is, obtain a second copy from the archive bucket, and compare. See docs/threat-model.md."
 },
 "MissingCheckpoint": {
  "weight": "tampered",
  "remedy": "Keep the bundle as it is, obtain a second copy from the archive bucket, and compare. See docs/threat-model.md."
 },
 "BadCheckpointSignature": {
  "weight": "tampered",
  "remedy": "Keep the bundle as it is, obtain a second copy from the archive bucket, and compare. See docs/threat-model.md."
 },
 "WrongOrigin": {
  "weight": "tampered",
  "remedy": "Keep the bundle as it is, obtain a second copy from the archive bucket, and compare. See docs/threat-model.md."
 },
 "RootMismatch": {
  "weight": "tampered",
  "remedy": "Keep the bundle as it is, obtain a second copy from the archive bucket, and compare. See docs/threat-model.md."
 },
 "TruncatedLedger": {
  "weight": "tampered",
  "remedy": "Keep the bundle as it is, obtain a second copy from the archive bucket, and compare. See docs/threat-model.md."
 },
 "UncheckpointedTail": {
  "weight": "tampered",
  "remedy": "Keep the bundle as it is, obtain a second copy from the archive bucket, and compare. See docs/threat-model.md."
 },
 "RolledBack": {
  "weight": "tampered",
  "remedy": "Keep the bundle as it is, obtain a second copy from the archive bucket, and compare. See docs/threat-model.md."
 },
 "ForkedHistory": {
  "weight": "tampered",
  "remedy": "Keep the bundle as it is, obtain a second copy from the archive bucket, and compare. See docs/threat-model.md."
 },
 "UnauthorisedRotation": {
  "weight": "tampered",
  "remedy": "Keep the bundle as it is, obtain a second copy from the archive bucket, and compare. See docs/threat-model.md."
 },
 "ObjectReplaced": {
  "weight": "tampered",
  "remedy": "Keep the bundle as it is, obtain a second copy from the archive bucket, and compare. See docs/threat-model.md."
 },
 "SubjectMismatch": {
  "weight": "tampered",
  "remedy": "Keep the bundle as it is, obtain a second copy from the archive bucket, and compare. See docs/threat-model.md."
 },
 "RevisionOutOfOrder": {
  "weight": "tampered",
  "remedy": "Keep the bundle as it is, obtain a second copy from the archive bucket, and compare. See docs/threat-model.md."
 },
 "SupersedesMismatch": {
  "weight": "tampered",
  "remedy": "Keep the bundle as it is, obtain a second copy from the archive bucket, and compare. See docs/threat-model.md."
 },
 "HistoryMismatch": {
  "weight": "tampered",
  "remedy": "Keep the bundle as it is, obtain a second copy from the archive bucket, and compare. See docs/threat-model.md."
 },
 "AncestorMismatch": {
  "weight": "tampered",
  "remedy": "Keep the bundle as it is, obtain a second copy from the archive bucket, and compare. See docs/threat-model.md."
 },
 "LineageMismatch": {
  "weight": "tampered",
  "remedy": "Keep the bundle as it is, obtain a second copy from the archive bucket, and compare. See docs/threat-model.md."
 },
 "DueDateMismatch": {
  "weight": "tampered",
  "remedy": "Keep the bundle as it is, obtain a second copy from the archive bucket, and compare. See docs/threat-model.md."
 },
 "TimeRunsBackwards": {
  "weight": "tampered",
  "remedy": "Keep the bundle as it is, obtain a second copy from the archive bucket, and compare. See docs/threat-model.md."
 },
 "KeyReused": {
  "weight": "tampered",
  "remedy": "Keep the bundle as it is, obtain a second copy from the archive bucket, and compare. See docs/threat-model.md."
 },
 "StaleLedger": {
  "weight": "reservation",
  "remedy": "Give the moment at which you received the bundle with --as-of. If it was old already then, ask for one exported today: the sealer may not run, or newer records may be kept back."
 },
 "LateRecord": {
  "weight": "reservation",
  "remedy": "Ask why: the sealer may have stood still, or a record was dated back. What was known when is not proven by the record's own time, only by the heartbeat after it."
 },
 "LoggedAfterPin": {
  "weight": "reservation",
  "remedy": "Ask why: the sealer may have stood still, or a record was dated back. What was known when is not proven by the record's own time, only by the heartbeat after it."
 },
 "AncestorNotHere": {
  "weight": "reservation",
  "remedy": "Ask for a bundle exported after the next seal. If the ancestor is still not there, ask for its record."
 },
 "LineageBehind": {
  "weight": "reservation",
  "remedy": "Ask for the job to be assessed again (`flops-auditor reassess --job`), and for a new bundle."
 },
 "LoggedOtherwise": {
  "weight": "reservation",
  "remedy": "It says the same, signed by the same key. Whoever may write the table changed it before it was sealed: find in CloudTrail who did."
 },
 "LoggedTwice": {
  "weight": "reservation",
  "remedy": "It counts once. `flops-auditor doctor` says whether the table of records differs from the log."
 },
 "WrongAsOf": {
  "weight": "cannot verify",
  "remedy": "Give the day on which you received the bundle, or leave --as-of out for now."
 },
 "BadBundle": {
  "weight": "cannot verify",
  "remedy": "Give a complete bundle as written by `flops-auditor export`."
 },
 "UnreadablePin": {
  "weight": "cannot verify",
  "remedy": "Save the mailed checkpoint unchanged: three lines, a blank line, and the line that begins with a long dash."
 },
 "UnknownTables": {
  "weight": "cannot verify",
  "remedy": "Take the newest release of flops-auditor, which knows all earlier tables. If it is the deployer's own, read tables/SHA256 in the bundle, and accept it with --accept-table SHA256 if it is right."
 },
 "NotRecomputable": {
  "weight": "cannot verify",
  "remedy": "Install the version of flops-auditor that the record names (`code_version`) and verify again."
 },
 "UnreadableNote": {
  "weight": "tampered",
  "remedy": "Keep the bundle as it is, obtain a second copy from the archive bucket, and compare. See docs/threat-model.md."
 }
};

export const STATEMENT_TYPE = "https://in-toto.io/Statement/v1";

export const PREDICATES = {
 "record": "https://flops-auditor.dev/attestation/training-compute/v1",
 "heartbeat": "https://flops-auditor.dev/attestation/heartbeat/v1",
 "rotation": "https://flops-auditor.dev/attestation/key-rotation/v1"
};

export const FORMS = {
 "record": [
  "object",
  {
   "ledger_id": [
    true,
    [
     "text"
    ]
   ],
   "job": [
    true,
    [
     "object",
     {
      "source": [
       true,
       [
        "text"
       ]
      ],
      "kind": [
       true,
       [
        "text"
       ]
      ],
      "name": [
       true,
       [
        "text"
       ]
      ],
      "arn": [
       true,
       [
        "text"
       ]
      ],
      "region": [
       true,
       [
        "text"
       ]
      ],
      "id": [
       true,
       [
        "text",
        "^[0-9a-f]{64}$"
       ]
      ],
      "status": [
       true,
       [
        "text"
       ]
      ],
      "finished": [
       true,
       [
        "flag"
       ]
      ],
      "succeeded": [
       true,
       [
        "flag"
       ]
      ],
      "activity": [
       true,
       [
        "text"
       ]
      ],
      "creation_time": [
       true,
       [
        "maybe",
        [
         "text",
         "^[12][0-9]{3}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\\.[0-9]{3}Z$"
        ]
       ]
      ],
      "start": [
       true,
       [
        "maybe",
        [
         "text",
         "^[12][0-9]{3}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\\.[0-9]{3}Z$"
        ]
       ]
      ],
      "end": [
       true,
       [
        "maybe",
        [
         "text",
         "^[12][0-9]{3}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\\.[0-9]{3}Z$"
        ]
       ]
      ],
      "instances": [
       true,
       [
        "list",
        [
         "object",
         {
          "type": [
           true,
           [
            "text"
           ]
          ],
          "count": [
           true,
           [
            "whole"
           ]
          ]
         }
        ]
       ]
      ]
     }
    ]
   ],
   "estimate": [
    true,
    [
     "object",
     {
      "method": [
       true,
       [
        "text"
       ]
      ],
      "lower_flop": [
       true,
       [
        "maybe",
        [
         "text",
         "^(0|[1-9][0-9]{0,99})$"
        ]
       ]
      ],
      "firm_flop": [
       true,
       [
        "maybe",
        [
         "text",
         "^(0|[1-9][0-9]{0,99})$"
        ]
       ]
      ],
      "best_flop": [
       true,
       [
        "maybe",
        [
         "text",
         "^(0|[1-9][0-9]{0,99})$"
        ]
       ]
      ],
      "upper_flop": [
       true,
       [
        "maybe",
        [
         "text",
         "^(0|[1-9][0-9]{0,99})$"
        ]
       ]
      ],
      "cautious_upper_flop": [
       true,
       [
        "maybe",
        [
         "text",
         "^(0|[1-9][0-9]{0,99})$"
        ]
       ]
      ],
      "updates_upper_flop": [
       true,
       [
        "maybe",
        [
         "text",
         "^(0|[1-9][0-9]{0,99})$"
        ]
       ]
      ],
      "signal_flop": [
       true,
       [
        "text",
        "^(0|[1-9][0-9]{0,99})$"
       ]
      ],
      "ceiling_flop": [
       true,
       [
        "maybe",
        [
         "text",
         "^(0|[1-9][0-9]{0,99})$"
        ]
       ]
      ],
      "accelerator_seconds": [
       true,
       [
        "maybe",
        [
         "text",
         "^-?(0|[1-9][0-9]{0,99})(\\.[0-9]{1,12})?$"
        ]
       ]
      ],
      "peak_flop_per_s": [
       true,
       [
        "maybe",
        [
         "text",
         "^-?(0|[1-9][0-9]{0,99})(\\.[0-9]{1,12})?$"
        ]
       ]
      ],
      "occupancy": [
       true,
       [
        "maybe",
        [
         "text",
         "^-?(0|[1-9][0-9]{0,99})(\\.[0-9]{1,12})?$"
        ]
       ]
      ],
      "energy_kwh": [
       true,
       [
        "maybe",
        [
         "text",
         "^-?(0|[1-9][0-9]{0,99})(\\.[0-9]{1,12})?$"
        ]
       ]
      ],
      "assumptions": [
       true,
       [
        "list",
        [
         "object",
         {
          "kind": [
           true,
           [
            "text"
           ]
          ],
          "words": [
           true,
           [
            "text"
           ]
          ],
          "settle": [
           false,
           [
            "object",
            {
             "kind": [
              true,
              [
               "text"
              ]
             ],
             "words": [
              true,
              [
               "text"
              ]
             ]
            }
           ]
          ]
         }
        ]
       ]
      ],
      "doubts": [
       true,
       [
        "list",
        [
         "object",
         {
          "kind": [
           true,
           [
            "text"
           ]
          ],
          "words": [
           true,
           [
            "text"
           ]
          ],
          "settle": [
           false,
           [
            "object",
            {
             "kind": [
              true,
              [
               "text"
              ]
             ],
             "words": [
              true,
              [
               "text"
              ]
             ]
            }
           ]
          ]
         }
        ]
       ]
      ],
      "tiers": [
       true,
       [
        "list",
        [
         "object",
         {
          "method": [
           true,
           [
            "text"
           ]
          ],
          "lower_flop": [
           true,
           [
            "text",
            "^(0|[1-9][0-9]{0,99})$"
           ]
          ],
          "best_flop": [
           true,
           [
            "text",
            "^(0|[1-9][0-9]{0,99})$"
           ]
          ],
          "upper_flop": [
           true,
           [
            "maybe",
            [
             "text",
             "^(0|[1-9][0-9]{0,99})$"
            ]
           ]
          ],
          "basis": [
           true,
           [
            "text"
           ]
          ],
          "implied_utilisation": [
           true,
           [
            "maybe",
            [
             "text",
             "^-?(0|[1-9][0-9]{0,99})(\\.[0-9]{1,12})?$"
            ]
           ]
          ]
         }
        ]
       ]
      ]
     }
    ]
   ],
   "cumulative": [
    true,
    [
     "object",
     {
      "lower_flop": [
       true,
       [
        "maybe",
        [
         "text",
         "^(0|[1-9][0-9]{0,99})$"
        ]
       ]
      ],
      "best_flop": [
       true,
       [
        "maybe",
        [
         "text",
         "^(0|[1-9][0-9]{0,99})$"
        ]
       ]
      ],
      "upper_flop": [
       true,
       [
        "maybe",
        [
         "text",
         "^(0|[1-9][0-9]{0,99})$"
        ]
       ]
      ],
      "ancestors": [
       true,
       [
        "list",
        [
         "object",
         {
          "job_arn": [
           true,
           [
            "text"
           ]
          ],
          "job_id": [
           true,
           [
            "text",
            "^[0-9a-f]{64}$"
           ]
          ],
          "lower_flop": [
           false,
           [
            "text",
            "^(0|[1-9][0-9]{0,99})$"
           ]
          ],
          "firm_flop": [
           false,
           [
            "text",
            "^(0|[1-9][0-9]{0,99})$"
           ]
          ],
          "best_flop": [
           true,
           [
            "maybe",
            [
             "text",
             "^(0|[1-9][0-9]{0,99})$"
            ]
           ]
          ],
          "upper_flop": [
           true,
           [
            "maybe",
            [
             "text",
             "^(0|[1-9][0-9]{0,99})$"
            ]
           ]
          ],
          "activity": [
           true,
           [
            "text"
           ]
          ],
          "revision": [
           true,
           [
            "whole"
           ]
          ],
          "doubts": [
           false,
           [
            "list",
            [
             "object",
             {
              "kind": [
               true,
               [
                "text"
               ]
              ],
              "words": [
               true,
               [
                "text"
               ]
              ]
             }
            ]
           ]
          ],
          "parents": [
           false,
           [
            "list",
            [
             "text",
             "^[0-9a-f]{64}$"
            ]
           ]
          ],
          "base_model": [
           false,
           [
            "text"
           ]
          ],
          "pretraining_flop": [
           false,
           [
            "text",
            "^(0|[1-9][0-9]{0,99})$"
           ]
          ],
          "updates_upper_flop": [
           false,
           [
            "text",
            "^(0|[1-9][0-9]{0,99})$"
           ]
          ],
          "signal_flop": [
           false,
           [
            "text",
            "^(0|[1-9][0-9]{0,99})$"
           ]
          ],
          "loads_weights": [
           false,
           [
            "maybe",
            [
             "flag"
            ]
           ]
          ],
          "stated": [
           false,
           [
            "object",
            {
             "ours": [
              false,
              [
               "flag"
              ]
             ],
             "generalPurpose": [
              false,
              [
               "flag"
              ]
             ],
             "systemicRisk": [
              false,
              [
               "flag"
              ]
             ],
             "generatedDataPublic": [
              false,
              [
               "flag"
              ]
             ],
             "placedOnMarket": [
              false,
              [
               "flag"
              ]
             ],
             "placedOn": [
              false,
              [
               "text",
               "^[12][0-9]{3}-[01][0-9]-[0-3][0-9]$"
              ]
             ],
             "licence": [
              false,
              [
               "text"
              ]
             ],
             "unconfirmed": [
              false,
              [
               "list",
               [
                "text"
               ]
              ]
             ]
            }
           ]
          ],
          "failed": [
           false,
           [
            "flag"
           ]
          ],
          "without_statements": [
           false,
           [
            "object",
            {
             "activity": [
              true,
              [
               "text"
              ]
             ],
             "lower_flop": [
              true,
              [
               "maybe",
               [
                "text",
                "^(0|[1-9][0-9]{0,99})$"
               ]
              ]
             ],
             "firm_flop": [
              true,
              [
               "maybe",
               [
                "text",
                "^(0|[1-9][0-9]{0,99})$"
               ]
              ]
             ],
             "best_flop": [
              true,
              [
               "maybe",
               [
                "text",
                "^(0|[1-9][0-9]{0,99})$"
               ]
              ]
             ],
             "cautious_upper_flop": [
              true,
              [
               "maybe",
               [
                "text",
                "^(0|[1-9][0-9]{0,99})$"
               ]
              ]
             ],
             "updates_upper_flop": [
              true,
              [
               "maybe",
               [
                "text",
                "^(0|[1-9][0-9]{0,99})$"
               ]
              ]
             ],
             "base_model": [
              true,
              [
               "text"
              ]
             ],
             "pretraining_flop": [
              true,
              [
               "maybe",
               [
                "text",
                "^(0|[1-9][0-9]{0,99})$"
               ]
              ]
             ],
             "loads_weights": [
              true,
              [
               "maybe",
               [
                "flag"
               ]
              ]
             ]
            }
           ]
          ],
          "other_names": [
           false,
           [
            "list",
            [
             "text"
            ]
           ]
          ]
         }
        ]
       ]
      ]
     }
    ]
   ],
   "original": [
    true,
    [
     "object",
     {
      "base_model": [
       true,
       [
        "text"
       ]
      ],
      "pretraining_flop": [
       true,
       [
        "maybe",
        [
         "text",
         "^(0|[1-9][0-9]{0,99})$"
        ]
       ]
      ],
      "highest_flop": [
       true,
       [
        "maybe",
        [
         "text",
         "^(0|[1-9][0-9]{0,99})$"
        ]
       ]
      ],
      "systemic_risk": [
       true,
       [
        "flag"
       ]
      ],
      "general_purpose": [
       true,
       [
        "maybe",
        [
         "flag"
        ]
       ]
      ],
      "ours": [
       true,
       [
        "maybe",
        [
         "flag"
        ]
       ]
      ],
      "source": [
       true,
       [
        "text"
       ]
      ]
     }
    ]
   ],
   "assessments": [
    true,
    [
     "list",
     [
      "object",
      {
       "policy": [
        true,
        [
         "text"
        ]
       ],
       "scenario": [
        true,
        [
         "text"
        ]
       ],
       "title": [
        true,
        [
         "text"
        ]
       ],
       "threshold_flop": [
        true,
        [
         "text",
         "^(0|[1-9][0-9]{0,99})$"
        ]
       ],
       "comparison": [
        true,
        [
         "text"
        ]
       ],
       "verdict": [
        true,
        [
         "text",
         "^(below|above|indeterminate)$"
        ]
       ],
       "reason": [
        true,
        [
         "text"
        ]
       ],
       "basis": [
        true,
        [
         "text"
        ]
       ],
       "inherited_flop": [
        true,
        [
         "text",
         "^(0|[1-9][0-9]{0,99})$"
        ]
       ],
       "reading": [
        true,
        [
         "text"
        ]
       ],
       "left_open": [
        true,
        [
         "text"
        ]
       ],
       "source": [
        true,
        [
         "text"
        ]
       ],
       "meaning": [
        true,
        [
         "text"
        ]
       ],
       "condition": [
        true,
        [
         "text"
        ]
       ],
       "condition_asks": [
        true,
        [
         "maybe",
         [
          "text"
         ]
        ]
       ],
       "limited_to": [
        true,
        [
         "text"
        ]
       ],
       "met_at": [
        true,
        [
         "maybe",
         [
          "text",
          "^[12][0-9]{3}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\\.[0-9]{3}Z$"
         ]
        ]
       ],
       "met_from": [
        true,
        [
         "maybe",
         [
          "text",
          "^[12][0-9]{3}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\\.[0-9]{3}Z$"
         ]
        ]
       ],
       "lower_flop": [
        true,
        [
         "maybe",
         [
          "text",
          "^(0|[1-9][0-9]{0,99})$"
         ]
        ]
       ],
       "best_flop": [
        true,
        [
         "maybe",
         [
          "text",
          "^(0|[1-9][0-9]{0,99})$"
         ]
        ]
       ],
       "upper_flop": [
        true,
        [
         "maybe",
         [
          "text",
          "^(0|[1-9][0-9]{0,99})$"
         ]
        ]
       ],
       "rests_on": [
        true,
        [
         "list",
         [
          "text"
         ]
        ]
       ],
       "verdict_without_statements": [
        true,
        [
         "maybe",
         [
          "text",
          "^(below|above|indeterminate)$"
         ]
        ]
       ],
       "role": [
        true,
        [
         "maybe",
         [
          "text"
         ]
        ]
       ],
       "in_force": [
        false,
        [
         "text",
         "^[12][0-9]{3}-[01][0-9]-[0-3][0-9]$"
        ]
       ],
       "wording_of": [
        false,
        [
         "text"
        ]
       ],
       "duties": [
        true,
        [
         "list",
         [
          "object",
          {
           "id": [
            true,
            [
             "text"
            ]
           ],
           "state": [
            true,
            [
             "text"
            ]
           ],
           "what": [
            true,
            [
             "text"
            ]
           ],
           "article": [
            true,
            [
             "text"
            ]
           ],
           "to": [
            true,
            [
             "text"
            ]
           ],
           "within_days": [
            true,
            [
             "maybe",
             [
              "whole"
             ]
            ]
           ],
           "since": [
            true,
            [
             "maybe",
             [
              "text"
             ]
            ]
           ],
           "reading": [
            true,
            [
             "text"
            ]
           ],
           "left_open": [
            true,
            [
             "text"
            ]
           ],
           "form": [
            false,
            [
             "text"
            ]
           ],
           "in_force": [
            false,
            [
             "text",
             "^[12][0-9]{3}-[01][0-9]-[0-3][0-9]$"
            ]
           ],
           "exempt": [
            false,
            [
             "object",
             {
              "what": [
               true,
               [
                "text"
               ]
              ],
              "article": [
               true,
               [
                "text"
               ]
              ],
              "licence": [
               true,
               [
                "text"
               ]
              ],
              "by_tag": [
               true,
               [
                "flag"
               ]
              ]
             }
            ]
           ],
           "until": [
            false,
            [
             "text",
             "^[12][0-9]{3}-[01][0-9]-[0-3][0-9]$"
            ]
           ],
           "no_later_day": [
            false,
            [
             "text"
            ]
           ],
           "until_article": [
            false,
            [
             "text"
            ]
           ]
          }
         ]
        ]
       ],
       "doubts": [
        true,
        [
         "list",
         [
          "object",
          {
           "kind": [
            true,
            [
             "text"
            ]
           ],
           "words": [
            true,
            [
             "text"
            ]
           ]
          }
         ]
        ]
       ],
       "notes": [
        true,
        [
         "list",
         [
          "object",
          {
           "kind": [
            true,
            [
             "text"
            ]
           ],
           "words": [
            true,
            [
             "text"
            ]
           ]
          }
         ]
        ]
       ],
       "settle": [
        true,
        [
         "list",
         [
          "object",
          {
           "kind": [
            true,
            [
             "text"
            ]
           ],
           "words": [
            true,
            [
             "text"
            ]
           ]
          }
         ]
        ]
       ]
      }
     ]
    ]
   ],
   "not_assessed": [
    true,
    [
     "list",
     [
      "object",
      {
       "kind": [
        true,
        [
         "text"
        ]
       ],
       "words": [
        true,
        [
         "text"
        ]
       ],
       "settle": [
        false,
        [
         "object",
         {
          "kind": [
           true,
           [
            "text"
           ]
          ],
          "words": [
           true,
           [
            "text"
           ]
          ]
         }
        ]
       ]
      }
     ]
    ]
   ],
   "verdict": [
    true,
    [
     "text",
     "^(below|above|indeterminate)$"
    ]
   ],
   "rests_on": [
    true,
    [
     "object",
     {
      "grounds": [
       true,
       [
        "list",
        [
         "object",
         {
          "source": [
           true,
           [
            "text"
           ]
          ],
          "what": [
           true,
           [
            "text"
           ]
          ],
          "value": [
           true,
           [
            "text"
           ]
          ],
          "verdict_without": [
           true,
           [
            "maybe",
            [
             "text",
             "^(below|above|indeterminate)$"
            ]
           ]
          ]
         }
        ]
       ]
      ],
      "milder": [
       true,
       [
        "list",
        [
         "text"
        ]
       ]
      ],
      "verdict_without_statements": [
       true,
       [
        "text",
        "^(below|above|indeterminate)$"
       ]
      ],
      "on_the_jobs_word": [
       true,
       [
        "flag"
       ]
      ],
      "trusts_statements": [
       true,
       [
        "flag"
       ]
      ],
      "without_statements": [
       true,
       [
        "maybe",
        [
         "object",
         {
          "activity": [
           true,
           [
            "text"
           ]
          ],
          "lower_flop": [
           true,
           [
            "maybe",
            [
             "text",
             "^(0|[1-9][0-9]{0,99})$"
            ]
           ]
          ],
          "firm_flop": [
           true,
           [
            "maybe",
            [
             "text",
             "^(0|[1-9][0-9]{0,99})$"
            ]
           ]
          ],
          "best_flop": [
           true,
           [
            "maybe",
            [
             "text",
             "^(0|[1-9][0-9]{0,99})$"
            ]
           ]
          ],
          "cautious_upper_flop": [
           true,
           [
            "maybe",
            [
             "text",
             "^(0|[1-9][0-9]{0,99})$"
            ]
           ]
          ],
          "updates_upper_flop": [
           true,
           [
            "maybe",
            [
             "text",
             "^(0|[1-9][0-9]{0,99})$"
            ]
           ]
          ],
          "base_model": [
           true,
           [
            "text"
           ]
          ],
          "pretraining_flop": [
           true,
           [
            "maybe",
            [
             "text",
             "^(0|[1-9][0-9]{0,99})$"
            ]
           ]
          ],
          "loads_weights": [
           true,
           [
            "maybe",
            [
             "flag"
            ]
           ]
          ],
          "method": [
           true,
           [
            "text"
           ]
          ],
          "upper_flop": [
           true,
           [
            "maybe",
            [
             "text",
             "^(0|[1-9][0-9]{0,99})$"
            ]
           ]
          ],
          "doubtful": [
           true,
           [
            "flag"
           ]
          ],
          "assessments": [
           true,
           [
            "list",
            [
             "object",
             {
              "policy": [
               true,
               [
                "text"
               ]
              ],
              "scenario": [
               true,
               [
                "text"
               ]
              ],
              "title": [
               true,
               [
                "text"
               ]
              ],
              "threshold_flop": [
               true,
               [
                "text",
                "^(0|[1-9][0-9]{0,99})$"
               ]
              ],
              "verdict": [
               true,
               [
                "text",
                "^(below|above|indeterminate)$"
               ]
              ],
              "best_flop": [
               true,
               [
                "maybe",
                [
                 "text",
                 "^(0|[1-9][0-9]{0,99})$"
                ]
               ]
              ],
              "upper_flop": [
               true,
               [
                "maybe",
                [
                 "text",
                 "^(0|[1-9][0-9]{0,99})$"
                ]
               ]
              ]
             }
            ]
           ]
          ]
         }
        ]
       ]
      ]
     }
    ]
   ],
   "lineage": [
    true,
    [
     "object",
     {
      "parents": [
       true,
       [
        "list",
        [
         "text",
         "^[0-9a-f]{64}$"
        ]
       ]
      ],
      "ancestors": [
       true,
       [
        "whole"
       ]
      ],
      "updates_lower_flop": [
       true,
       [
        "maybe",
        [
         "text",
         "^(0|[1-9][0-9]{0,99})$"
        ]
       ]
      ],
      "updates_best_flop": [
       true,
       [
        "maybe",
        [
         "text",
         "^(0|[1-9][0-9]{0,99})$"
        ]
       ]
      ],
      "updates_upper_flop": [
       true,
       [
        "maybe",
        [
         "text",
         "^(0|[1-9][0-9]{0,99})$"
        ]
       ]
      ],
      "merged_flop": [
       true,
       [
        "maybe",
        [
         "text",
         "^(0|[1-9][0-9]{0,99})$"
        ]
       ]
      ],
      "doubts": [
       true,
       [
        "list",
        [
         "object",
         {
          "kind": [
           true,
           [
            "text"
           ]
          ],
          "words": [
           true,
           [
            "text"
           ]
          ],
          "settle": [
           false,
           [
            "object",
            {
             "kind": [
              true,
              [
               "text"
              ]
             ],
             "words": [
              true,
              [
               "text"
              ]
             ]
            }
           ]
          ]
         }
        ]
       ]
      ],
      "notes": [
       true,
       [
        "list",
        [
         "object",
         {
          "kind": [
           true,
           [
            "text"
           ]
          ],
          "words": [
           true,
           [
            "text"
           ]
          ]
         }
        ]
       ]
      ],
      "kept": [
       true,
       [
        "maybe",
        [
         "object",
         {
          "key": [
           true,
           [
            "text"
           ]
          ],
          "sha256": [
           true,
           [
            "text",
            "^[0-9a-f]{64}$"
           ]
          ],
          "count": [
           true,
           [
            "whole"
           ]
          ]
         }
        ]
       ]
      ],
      "base_model": [
       true,
       [
        "text"
       ]
      ],
      "other_names": [
       true,
       [
        "list",
        [
         "text"
        ]
       ]
      ],
      "pretraining_flop": [
       true,
       [
        "maybe",
        [
         "text",
         "^(0|[1-9][0-9]{0,99})$"
        ]
       ]
      ],
      "loads_weights": [
       true,
       [
        "maybe",
        [
         "flag"
        ]
       ]
      ],
      "stated": [
       true,
       [
        "object",
        {
         "ours": [
          false,
          [
           "flag"
          ]
         ],
         "generalPurpose": [
          false,
          [
           "flag"
          ]
         ],
         "systemicRisk": [
          false,
          [
           "flag"
          ]
         ],
         "generatedDataPublic": [
          false,
          [
           "flag"
          ]
         ],
         "placedOnMarket": [
          false,
          [
           "flag"
          ]
         ],
         "placedOn": [
          false,
          [
           "text",
           "^[12][0-9]{3}-[01][0-9]-[0-3][0-9]$"
          ]
         ],
         "licence": [
          false,
          [
           "text"
          ]
         ],
         "unconfirmed": [
          false,
          [
           "list",
           [
            "text"
           ]
          ]
         ]
        }
       ]
      ]
     }
    ]
   ],
   "revision": [
    true,
    [
     "whole"
    ]
   ],
   "recorded_at": [
    true,
    [
     "text",
     "^[12][0-9]{3}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\\.[0-9]{3}Z$"
    ]
   ],
   "code_version": [
    true,
    [
     "text",
     "^[^\\n]{1,40}$"
    ]
   ],
   "tables": [
    true,
    [
     "named",
     [
      "text",
      "^[0-9a-f]{64}$"
     ]
    ]
   ],
   "supersedes": [
    true,
    [
     "maybe",
     [
      "text",
      "^[0-9a-f]{64}$"
     ]
    ]
   ],
   "previous_verdict": [
    true,
    [
     "maybe",
     [
      "text",
      "^(below|above|indeterminate)$"
     ]
    ]
   ],
   "changes": [
    true,
    [
     "list",
     [
      "object",
      {
       "policy": [
        true,
        [
         "text"
        ]
       ],
       "scenario": [
        true,
        [
         "text"
        ]
       ],
       "from": [
        true,
        [
         "maybe",
         [
          "text",
          "^(below|above|indeterminate)$"
         ]
        ]
       ],
       "to": [
        true,
        [
         "maybe",
         [
          "text",
          "^(below|above|indeterminate)$"
         ]
        ]
       ]
      }
     ]
    ]
   ],
   "due": [
    true,
    [
     "list",
     [
      "object",
      {
       "policy": [
        true,
        [
         "text"
        ]
       ],
       "duty": [
        true,
        [
         "text"
        ]
       ],
       "day": [
        true,
        [
         "text",
         "^[12][0-9]{3}-[01][0-9]-[0-3][0-9]$"
        ]
       ]
      }
     ]
    ]
   ],
   "notification_due": [
    true,
    [
     "maybe",
     [
      "text",
      "^[12][0-9]{3}-[01][0-9]-[0-3][0-9]$"
     ]
    ]
   ],
   "action": [
    true,
    [
     "maybe",
     [
      "object",
      {
       "kind": [
        true,
        [
         "text"
        ]
       ],
       "requested_at": [
        true,
        [
         "text",
         "^[12][0-9]{3}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\\.[0-9]{3}Z$"
        ]
       ],
       "reason": [
        true,
        [
         "text"
        ]
       ]
      }
     ]
    ]
   ],
   "reassessed": [
    true,
    [
     "maybe",
     [
      "object",
      {
       "tables": [
        true,
        [
         "named",
         [
          "maybe",
          [
           "text",
           "^[0-9a-f]{64}$"
          ]
         ]
        ]
       ],
       "code_version": [
        true,
        [
         "text",
         "^[^\\n]{1,40}$"
        ]
       ]
      }
     ]
    ]
   ]
  }
 ],
 "heartbeat": [
  "object",
  {
   "ledger_id": [
    true,
    [
     "text"
    ]
   ],
   "sealed_at": [
    true,
    [
     "text",
     "^[12][0-9]{3}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\\.[0-9]{3}Z$"
    ]
   ],
   "first_index": [
    true,
    [
     "text",
     "^(0|[1-9][0-9]{0,18})$"
    ]
   ],
   "index": [
    true,
    [
     "text",
     "^(0|[1-9][0-9]{0,18})$"
    ]
   ],
   "previous_size": [
    true,
    [
     "text",
     "^(0|[1-9][0-9]{0,18})$"
    ]
   ],
   "rotations": [
    true,
    [
     "whole"
    ]
   ],
   "keys": [
    true,
    [
     "object",
     {
      "record": [
       true,
       [
        "text",
        "^[0-9a-f]{64}$"
       ]
      ],
      "checkpoint": [
       true,
       [
        "text",
        "^[0-9a-f]{64}$"
       ]
      ]
     }
    ]
   ]
  }
 ],
 "rotation": [
  "object",
  {
   "ledger_id": [
    true,
    [
     "text"
    ]
   ],
   "requested_at": [
    true,
    [
     "text",
     "^[12][0-9]{3}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\\.[0-9]{3}Z$"
    ]
   ],
   "role": [
    true,
    [
     "text",
     "^(record|checkpoint)$"
    ]
   ],
   "number": [
    true,
    [
     "whole"
    ]
   ],
   "old_keyid": [
    true,
    [
     "text",
     "^[0-9a-f]{64}$"
    ]
   ],
   "new_public_key": [
    true,
    [
     "text"
    ]
   ]
  }
 ],
 "ancestors": [
  "object",
  {
   "schema": [
    true,
    [
     "text"
    ]
   ],
   "ancestors": [
    true,
    [
     "list",
     [
      "object",
      {
       "job_arn": [
        true,
        [
         "text"
        ]
       ],
       "job_id": [
        true,
        [
         "text",
         "^[0-9a-f]{64}$"
        ]
       ],
       "lower_flop": [
        false,
        [
         "text",
         "^(0|[1-9][0-9]{0,99})$"
        ]
       ],
       "firm_flop": [
        false,
        [
         "text",
         "^(0|[1-9][0-9]{0,99})$"
        ]
       ],
       "best_flop": [
        true,
        [
         "maybe",
         [
          "text",
          "^(0|[1-9][0-9]{0,99})$"
         ]
        ]
       ],
       "upper_flop": [
        true,
        [
         "maybe",
         [
          "text",
          "^(0|[1-9][0-9]{0,99})$"
         ]
        ]
       ],
       "activity": [
        true,
        [
         "text"
        ]
       ],
       "revision": [
        true,
        [
         "whole"
        ]
       ],
       "doubts": [
        false,
        [
         "list",
         [
          "object",
          {
           "kind": [
            true,
            [
             "text"
            ]
           ],
           "words": [
            true,
            [
             "text"
            ]
           ]
          }
         ]
        ]
       ],
       "parents": [
        false,
        [
         "list",
         [
          "text",
          "^[0-9a-f]{64}$"
         ]
        ]
       ],
       "base_model": [
        false,
        [
         "text"
        ]
       ],
       "pretraining_flop": [
        false,
        [
         "text",
         "^(0|[1-9][0-9]{0,99})$"
        ]
       ],
       "updates_upper_flop": [
        false,
        [
         "text",
         "^(0|[1-9][0-9]{0,99})$"
        ]
       ],
       "signal_flop": [
        false,
        [
         "text",
         "^(0|[1-9][0-9]{0,99})$"
        ]
       ],
       "loads_weights": [
        false,
        [
         "maybe",
         [
          "flag"
         ]
        ]
       ],
       "stated": [
        false,
        [
         "object",
         {
          "ours": [
           false,
           [
            "flag"
           ]
          ],
          "generalPurpose": [
           false,
           [
            "flag"
           ]
          ],
          "systemicRisk": [
           false,
           [
            "flag"
           ]
          ],
          "generatedDataPublic": [
           false,
           [
            "flag"
           ]
          ],
          "placedOnMarket": [
           false,
           [
            "flag"
           ]
          ],
          "placedOn": [
           false,
           [
            "text",
            "^[12][0-9]{3}-[01][0-9]-[0-3][0-9]$"
           ]
          ],
          "licence": [
           false,
           [
            "text"
           ]
          ],
          "unconfirmed": [
           false,
           [
            "list",
            [
             "text"
            ]
           ]
          ]
         }
        ]
       ],
       "failed": [
        false,
        [
         "flag"
        ]
       ],
       "without_statements": [
        false,
        [
         "object",
         {
          "activity": [
           true,
           [
            "text"
           ]
          ],
          "lower_flop": [
           true,
           [
            "maybe",
            [
             "text",
             "^(0|[1-9][0-9]{0,99})$"
            ]
           ]
          ],
          "firm_flop": [
           true,
           [
            "maybe",
            [
             "text",
             "^(0|[1-9][0-9]{0,99})$"
            ]
           ]
          ],
          "best_flop": [
           true,
           [
            "maybe",
            [
             "text",
             "^(0|[1-9][0-9]{0,99})$"
            ]
           ]
          ],
          "cautious_upper_flop": [
           true,
           [
            "maybe",
            [
             "text",
             "^(0|[1-9][0-9]{0,99})$"
            ]
           ]
          ],
          "updates_upper_flop": [
           true,
           [
            "maybe",
            [
             "text",
             "^(0|[1-9][0-9]{0,99})$"
            ]
           ]
          ],
          "base_model": [
           true,
           [
            "text"
           ]
          ],
          "pretraining_flop": [
           true,
           [
            "maybe",
            [
             "text",
             "^(0|[1-9][0-9]{0,99})$"
            ]
           ]
          ],
          "loads_weights": [
           true,
           [
            "maybe",
            [
             "flag"
            ]
           ]
          ]
         }
        ]
       ],
       "other_names": [
        false,
        [
         "list",
         [
          "text"
         ]
        ]
       ]
      }
     ]
    ]
   ]
  }
 ]
};

export const WITHOUT_STATEMENTS = [
 "activity",
 "lower_flop",
 "firm_flop",
 "best_flop",
 "cautious_upper_flop",
 "updates_upper_flop",
 "base_model",
 "pretraining_flop",
 "loads_weights"
];

export const README = {
 "whole": "# Records of training compute: @@LEDGER@@\n\nSelection, in the words of who exported it: `@@SELECTION@@`. Exported @@EXPORTED@@ at @@SIZE@@\nleaves.\n\n## What is here\n- `log/<first index>.ndjson`: the leaves of the log, one signed record per line (DSSE envelope, in-toto statement).\n- `evidence/<first index>.ndjson`: for each of these lines, in base64, the file that the record was computed from.\n- `checkpoint`: the newest signed tree head (c2sp.org/tlog-checkpoint); `checkpoints.ndjson`: all of them.\n- `tables/<SHA-256>`: the tables and policies that the figures rest on, each once, as records name them.\n- `keys.json`: which key may sign which leaves; `keys/<key id>.pem`: the same keys as files.\n\n## Check everything\n    pip install '.[cli]'    # in the source of flops-auditor, from where you trust it\n    flops-auditor verify THIS_FILE.zip --recompute --pin CHECKPOINT_YOU_WERE_MAILED --as-of DAY_IT_REACHED_YOU\n\nExit code 0: valid; 1: tampered with; 2: cannot be verified; 3: valid, but stale (without `--as-of`, after a day); 4:\nvalid with reservations, such as an ancestor whose record is not here; each is named.\nWithout `--pin` (a checkpoint that reached you by another way) or `--keys` (keys that did), a bundle can only be\nconsistent in itself: whoever wrote all of it could have chosen all of it.\n\n## Check one record with cosign and openssl alone\n```sh\n# the first record of the log: its evidence is in the same line; take any other by its file and line\nf=$(grep -l . evidence/*.ndjson | sed -n 1p); n=$(grep -n -m 1 . \"$f\" | cut -d: -f1)\nsed -n \"${n}p\" \"log/$(basename \"$f\")\" | tr -d '\\n' > record.json; sed -n \"${n}p\" \"$f\" | base64 -d > evidence.json\nkey=keys/$(grep -o '\"keyid\":\"[0-9a-f]*\"' record.json | cut -d'\"' -f4).pem\ncosign verify-blob-attestation --key \"$key\" --insecure-ignore-tlog=true \\\n  --type https://flops-auditor.dev/attestation/training-compute/v1 --signature record.json evidence.json\n```\nWith openssl, over the DSSE pre-authentication encoding; `statement.json` is what was signed, to be read by people:\n```sh\npython3 - <<'EOF'\nimport base64, hashlib, json\ne = json.load(open(\"record.json\")); p = base64.b64decode(e[\"payload\"]); t = e[\"payloadType\"].encode()\nopen(\"pae\", \"wb\").write(b\"DSSEv1 %d %b %d %b\" % (len(t), t, len(p), p))\nopen(\"sig\", \"wb\").write(base64.b64decode(e[\"signatures\"][0][\"sig\"]))\ns = json.loads(p); open(\"statement.json\", \"w\").write(json.dumps(s, indent=2))\nfound = hashlib.sha256(open(\"evidence.json\", \"rb\").read()).hexdigest()\nprint(\"evidence as signed:\", found == s[\"subject\"][0][\"digest\"][\"sha256\"])\nEOF\nkey=keys/$(grep -o '\"keyid\":\"[0-9a-f]*\"' record.json | cut -d'\"' -f4).pem\nopenssl dgst -sha256 -verify \"$key\" -signature sig pae\n```\nThe newest checkpoint:\n```sh\nhead -3 checkpoint > text\ntail -1 checkpoint | cut -d' ' -f3 | base64 -d | tail -c +5 > sig\nopenssl dgst -sha256 -verify keys/@@CHECKPOINT@@.pem -signature sig text\n```\nThat these are all leaves of the log that was signed (RFC 9162, section 2.1):\n```sh\npython3 - <<'EOF'\nimport base64, glob, hashlib\ndef h(data): return hashlib.sha256(data).digest()\ntree = []  # complete subtrees (leaves, hash), the largest first\nfor name in sorted(glob.glob(\"log/*.ndjson\")):\n    for line in open(name, \"rb\"):\n        leaves, node = 1, h(b\"\\0\" + line.rstrip(b\"\\n\"))\n        while tree and tree[-1][0] == leaves:\n            leaves, node = 2 * leaves, h(b\"\\1\" + tree.pop()[1] + node)\n        tree.append((leaves, node))\nroot = tree.pop()[1]\nwhile tree:\n    root = h(b\"\\1\" + tree.pop()[1] + root)\nsigned = open(\"checkpoint\", encoding=\"utf-8\").read().split(\"\\n\")[2]\nprint(\"Verified OK\" if base64.b64encode(root).decode() == signed else \"NOT the log that was signed\")\nEOF\n```\n",
 "part": "# Records of training compute: @@LEDGER@@\n\nSelection, in the words of who exported it: `@@SELECTION@@`. Exported @@EXPORTED@@ at @@SIZE@@\nleaves.\n\n## What is here\n- `leaves/<index>.json`: one signed record each (DSSE envelope over an in-toto statement); also the newest heartbeat and\n  every key rotation.\n- `evidence/<index>.json`: the file that the record was computed from.\n- `proofs/<index>.tlog-proof`: the record's place in the signed tree (c2sp.org/tlog-proof). Of all other records this\n  bundle has hashes only. That it holds *every* record of its selection cannot be seen from it.\n- `checkpoint`: the newest signed tree head (c2sp.org/tlog-checkpoint); `checkpoints.ndjson`: all of them.\n- `tables/<SHA-256>`: the tables and policies that the figures rest on, each once, as records name them.\n- `keys.json`: which key may sign which leaves; `keys/<key id>.pem`: the same keys as files.\n\n## Check everything\n    pip install '.[cli]'    # in the source of flops-auditor, from where you trust it\n    flops-auditor verify THIS_FILE.zip --recompute --pin CHECKPOINT_YOU_WERE_MAILED --as-of DAY_IT_REACHED_YOU\n\nExit code 0: valid; 1: tampered with; 2: cannot be verified; 3: valid, but stale (without `--as-of`, after a day); 4:\nvalid with reservations, such as an ancestor whose record is not here; each is named.\nWithout `--pin` (a checkpoint that reached you by another way) or `--keys` (keys that did), a bundle can only be\nconsistent in itself: whoever wrote all of it could have chosen all of it.\n\n## Check one record with cosign and openssl alone\n```sh\ni=$(basename \"$(ls evidence | head -1)\"); cp leaves/$i record.json; cp evidence/$i evidence.json\nkey=keys/$(grep -o '\"keyid\":\"[0-9a-f]*\"' record.json | cut -d'\"' -f4).pem\ncosign verify-blob-attestation --key \"$key\" --insecure-ignore-tlog=true \\\n  --type https://flops-auditor.dev/attestation/training-compute/v1 --signature record.json evidence.json\n```\nWith openssl, over the DSSE pre-authentication encoding; `statement.json` is what was signed, to be read by people:\n```sh\npython3 - <<'EOF'\nimport base64, hashlib, json\ne = json.load(open(\"record.json\")); p = base64.b64decode(e[\"payload\"]); t = e[\"payloadType\"].encode()\nopen(\"pae\", \"wb\").write(b\"DSSEv1 %d %b %d %b\" % (len(t), t, len(p), p))\nopen(\"sig\", \"wb\").write(base64.b64decode(e[\"signatures\"][0][\"sig\"]))\ns = json.loads(p); open(\"statement.json\", \"w\").write(json.dumps(s, indent=2))\nfound = hashlib.sha256(open(\"evidence.json\", \"rb\").read()).hexdigest()\nprint(\"evidence as signed:\", found == s[\"subject\"][0][\"digest\"][\"sha256\"])\nEOF\nkey=keys/$(grep -o '\"keyid\":\"[0-9a-f]*\"' record.json | cut -d'\"' -f4).pem\nopenssl dgst -sha256 -verify \"$key\" -signature sig pae\n```\nThe newest checkpoint:\n```sh\nhead -3 checkpoint > text\ntail -1 checkpoint | cut -d' ' -f3 | base64 -d | tail -c +5 > sig\nopenssl dgst -sha256 -verify keys/@@CHECKPOINT@@.pem -signature sig text\n```\nThat these leaves are in the log that was signed (RFC 9162, section 2.1):\n```sh\npython3 - <<'EOF'\nimport base64, hashlib, os\ndef h(data): return hashlib.sha256(data).digest()\n_, size, signed = open(\"checkpoint\", encoding=\"utf-8\").read().split(\"\\n\")[:3]\nwrong = []\nfor name in sorted(os.listdir(\"leaves\")):\n    index, last = int(name.split(\".\")[0]), int(size) - 1\n    node = h(b\"\\0\" + open(\"leaves/\" + name, \"rb\").read())\n    proof = open(\"proofs/\" + name.replace(\".json\", \".tlog-proof\"), encoding=\"utf-8\").read()\n    for step in map(base64.b64decode, proof.split(\"\\n\\n\")[0].split(\"\\n\")[2:]):\n        if index & 1 or index == last:\n            node = h(b\"\\1\" + step + node)\n            while index and not index & 1:\n                index, last = index >> 1, last >> 1\n        else:\n            node = h(b\"\\1\" + node + step)\n        index, last = index >> 1, last >> 1\n    if last or base64.b64encode(node).decode() != signed:\n        wrong.append(name)\nprint(\"NOT in the log that was signed:\" if wrong else \"Verified OK\", *wrong)\nEOF\n```\n",
 "everything": "everything",
 "noCheckpoint": "no checkpoint, since each may be the pin that somebody holds"
};
