Feature: Control
  Cancelling, pausing, retrying, undoing, and what workflows do with each other.

  Scenario: A run is cancelled
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do: [long: {wait: PT1H}, after: {set: {x: 1}}]
    """
    And the run is cancelled after PT5S
    When the workflow is executed
    Then the workflow should cancel
    And long should cancel
    And after should not run
    And the run should take about PT5S

  Scenario: What a cancelled run did is undone, the last first
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    use:
      functions:
        undo: {call: http, with: {method: get, endpoint: 'https://service.test/count/{key}'}}
    do:
      - first: {set: {key: undo-first}, metadata: {neptune: {compensate: undo}}}
      - second: {set: {key: undo-second}, metadata: {neptune: {compensate: undo}}}
      - long: {wait: PT1H}
    """
    And the run is cancelled after PT5S
    When the workflow is executed
    Then the workflow should cancel
    And compensation should run 2 times
    And undo should run 2 times

  Scenario: What a failed run did is undone
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    use:
      functions:
        undo: {call: http, with: {method: get, endpoint: 'https://service.test/count/{key}'}}
    do:
      - first: {set: {key: undo-failed}, metadata: {neptune: {compensate: undo}}}
      - fail: {raise: {error: {type: 'https://example.com/broken', status: 500}}}
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://example.com/broken
    """
    And compensation should run 1 times

  Scenario: A paused run begins nothing until it is resumed
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do: [pause: {wait: PT10S}, after: {set: {x: 1}}]
    """
    And the run is paused after PT5S
    And the run is resumed after PT1H
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    x: 1
    """
    And the run should take about PT1H

  Scenario: A failed run goes on where it failed
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - first: {set: {x: 1}}
      - get: {call: http, with: {method: get, endpoint: 'https://service.test/flaky/control-retry/1/503'}}
      - last: {set: {calls: '${ .calls }', x: '${ $runtime.metadata.steps.first.x }'}}
    """
    And the run is retried after PT1M
    When the workflow is executed
    Then the workflow should complete
    And first should run 1 times
    And get should run 2 times
    And last should complete

  Scenario: Branches that were given up begin again with what failed
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - all:
          fork:
            branches:
              - done: {set: {x: 1}}
              - long: {wait: PT10S}
              - get: {call: http, with: {method: get, endpoint: 'https://service.test/flaky/control-branches/1/503'}, output: {as: '.calls > 1'}}
    """
    And the run is retried after PT1M
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [{x: 1}, {}, true]
    """
    And done should run 1 times
    And long should run 2 times

  Scenario: A workflow runs another and has its output
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - inner: {run: {workflow: {namespace: own, name: child, version: '1.0.0', input: {x: '${ .start }'}}}}
      - use: {set: {result: '${ .doubled + 1 }'}}
    """
    And another workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: child, version: '1.0.0'}
    do:
      - work: {wait: PT3S}
      - give: {set: {doubled: '${ .x * 2 }'}}
    """
    And given the workflow input is:
    """yaml
    start: 4
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    result: 9
    """

  Scenario: What fails in another workflow fails here
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - attempt:
          try: [inner: {run: {workflow: {namespace: own, name: child, version: '1.0.0', input: {}}}}]
          catch: {as: why, do: [caught: {set: {instance: '${ $why.instance }', status: '${ $why.status }'}}]}
    """
    And another workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: child, version: '1.0.0'}
    do: [fail: {raise: {error: {type: 'https://example.com/tea', status: 418}}}]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    instance: /do/0/attempt/try/0/inner
    status: 418
    """

  Scenario: A workflow that is not waited for does not hold up
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - inner: {run: {await: false, workflow: {namespace: own, name: child, version: '1.0.0', input: {x: 1}}}}
    """
    And another workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: child, version: '1.0.0'}
    do:
      - work: {wait: PT3S}
      - give: {set: {doubled: '${ .x * 2 }'}}
    """
    And given the workflow input is:
    """yaml
    start: 4
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    start: 4
    """
    And the run should take under PT1S

  Scenario: A person approves
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - ask: {call: 'approval:1.0.0@default', with: {to: boss, text: May I?}, timeout: {after: {days: 2}}}
      - branch: {switch: [yes: {when: .approved, then: go}, no: {then: stop}]}
      - go: {set: {went: true}, then: end}
      - stop: {set: {went: false}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    went: true
    """

  Scenario: A person refuses
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - ask: {call: 'approval:1.0.0@default', with: {to: boss, text: May I?}}
      - go: {if: .approved, set: {went: true}}
    """
    And approvals are refused
    When the workflow is executed
    Then go should be skipped

  Scenario: A model is told what was wrong with its answer
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - attempt:
          try:
            - ask:
                call: model:1.0.0@default
                with: {task: extraction, prompt: Say it., input: hello, repair: true, responseSchema: {type: object, required: [told]}}
                output: {as: .json}
          catch:
            errors: {with: {type: 'https://open-workflow-specification.org/spec/1.0.0/errors/validation'}}
            retry: {limit: {attempt: {count: 2}}}
    """
    And the model is at https://service.test/model/repaired
    When the workflow is executed
    Then ask should run 2 times
